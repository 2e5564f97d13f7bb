from __future__ import annotations

import os.path as osp

import numpy as np
from mmengine.registry import DATASETS

from ...labels import IGNORE_LABEL
from ..containers import record_io_address
from ..containers.record_io import RecordIOFile
from ..folder_layout import FolderLayout
from .base_face_dataset import BaseFaceDataset
from .face_table import FaceTable


@DATASETS.register_module()
class RecordIODataset(BaseFaceDataset):
    """Unlabeled faces in RecordIO: ``train.rec`` and ``train.idx``.

    The form of InsightFace, in which MS1MV2 comes (112 x 112 pixels, aligned);
    MXNet is not needed. Items are ``img_path``, an address that
    ``LoadImageFromFile`` understands, and ``gt_label`` -1.

    The items are two numbers each, so that millions of faces cost neither
    start-up time nor memory in the workers.

    Args:
        ann_file: The ``.rec`` file, relative to ``data_root``.
        fraction: Share of the images to take, at random but evenly: one out
            of every ``1 / fraction`` neighbors. As the images of a person
            are neighbors, every person keeps this share. A third in paper A,
            section 4.1.
        seed: Seed of this choice.
        on_unreadable: ``'raise'``, or ``'skip'``: warn, count, and take the
            next face in place of a damaged one.

    Raises:
        FileNotFoundError: One of the two files is missing.
        ValueError: They are damaged or do not belong together.

    Example:
        >>> dataset = dict(
        ...     type='RecordIODataset',
        ...     data_root='data/faces_emore',
        ...     fraction=1 / 3,
        ...     on_unreadable='skip',
        ...     pipeline=[dict(type='LoadImageFromFile')],
        ... )
    """

    layouts = (
        FolderLayout(
            'RecordIO (MS1MV2)',
            dataset='RecordIODataset',
            markers=('train.rec', 'train.idx'),
            required=('train.rec', 'train.idx'),
            parts=dict(faces={}),
        ),
    )

    def __init__(
        self,
        ann_file: str = 'train.rec',
        fraction: float = 1.0,
        subset: str = 'unlabeled',
        **kwargs,
    ) -> None:
        if not 0 < fraction <= 1:
            raise ValueError(
                f'RecordIODataset: fraction={fraction} is not above 0 and at '
                'most 1.'
            )
        self.check_choice('split', kwargs.get('split'), (None,))
        # The labels in the file are numbers of people.
        self.check_choice('subset', subset, ('unlabeled',))
        self.fraction = fraction
        super().__init__(
            ann_file=ann_file,
            subset=subset,
            # The array is already compact and shared with workers.
            serialize_data=False,
            **kwargs,
        )

    def load_data_list(self) -> np.ndarray:
        """(key, byte) of every chosen image, int64 (N, 2)."""
        # The addresses must hold wherever they are read.
        self.ann_file = osp.abspath(self.ann_file)
        file = RecordIOFile(self.ann_file)
        keys = file.image_keys()
        places = choose_evenly(len(keys), self.fraction, self.seed)
        places += np.searchsorted(file.keys, keys[0])
        return np.stack([file.keys[places], file.offsets[places]], axis=1)

    def read_faces(self) -> FaceTable:
        """All chosen faces, for tools: an address as text for each."""
        rows = self.load_data_list().tolist()
        addresses = [record_io_address(self.ann_file, *row) for row in rows]
        return FaceTable(addresses, np.full(len(rows), IGNORE_LABEL))

    def get_data_info(self, idx: int) -> dict:
        key, offset = self.data_list[idx].tolist()
        return dict(
            img_path=record_io_address(self.ann_file, key, offset),
            gt_label=IGNORE_LABEL,
            sample_idx=idx,
        )

    def get_gt_labels(self) -> np.ndarray:
        """Class index of every item, (N,): not known, -1."""
        return np.full(len(self), IGNORE_LABEL)


def choose_evenly(count: int, fraction: float, seed: int) -> np.ndarray:
    """Random numbers out of ``range(count)``, one out of each equal stretch.

    Returns:
        ``round(fraction * count)`` numbers, at least one, ascending, int64.
    """
    chosen = max(round(fraction * count), 1)
    bounds = np.arange(chosen + 1, dtype=np.int64) * count // chosen
    rng = np.random.default_rng(seed)
    numbers = rng.integers(bounds[:-1], bounds[1:])
    # Some stretches are one longer: where they lie is random, too, so that
    # every number has the same chance.
    return np.sort((numbers + rng.integers(count)) % count)
