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
    """Dataset of unlabeled faces in ``train.rec`` and ``train.idx``.

    It reads InsightFace's RecordIO format, in which MS1MV2 is shipped (112 x
    112 pixels, aligned), without MXNet. Items have ``img_path``, an address
    that ``LoadImageFromFile`` understands, and ``gt_label`` -1.

    An item is stored as two numbers, so millions of faces cost neither
    start-up time nor memory in the workers.

    Args:
        ann_file: The ``.rec`` file, relative to ``data_root``.
        fraction: Fraction of the images to use, drawn evenly: one out of every
            ``1 / fraction`` neighbors. Since the images of a person are
            neighbors, every person keeps this fraction. A third in paper A,
            section 4.1.
        seed: Seed of this draw.
        on_unreadable: ``'raise'``, or ``'skip'`` to warn, count, and use the
            next face instead of a damaged one.

    Raises:
        FileNotFoundError: One of the two files is missing.
        ValueError: The files are damaged or do not match.

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
        # The labels in the file identify people, not expressions.
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
        """Return (key, byte) of every chosen image, int64 (N, 2)."""
        # Absolute, so that the addresses are valid in any working directory.
        self.ann_file = osp.abspath(self.ann_file)
        file = RecordIOFile(self.ann_file)
        keys = file.image_keys()
        places = choose_evenly(len(keys), self.fraction, self.seed)
        places += np.searchsorted(file.keys, keys[0])
        return np.stack([file.keys[places], file.offsets[places]], axis=1)

    def read_faces(self) -> FaceTable:
        """Read all chosen faces, for tools, with their addresses as text."""
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
        """Return -1 for every item, (N,): the classes are unknown."""
        return np.full(len(self), IGNORE_LABEL)


def choose_evenly(count: int, fraction: float, seed: int) -> np.ndarray:
    """Draw indices from ``range(count)``, one from each of equal intervals.

    Returns:
        ``round(fraction * count)`` indices, at least one, ascending, int64.
    """
    chosen = max(round(fraction * count), 1)
    bounds = np.arange(chosen + 1, dtype=np.int64) * count // chosen
    rng = np.random.default_rng(seed)
    numbers = rng.integers(bounds[:-1], bounds[1:])
    # Some intervals are longer by one; their positions are random, too, so
    # that every index has the same probability.
    return np.sort((numbers + rng.integers(count)) % count)
