from __future__ import annotations

import os.path as osp

import numpy as np
from mmengine.registry import DATASETS

from ...labels import IGNORE_LABEL
from ...utils.open_files import DamagedFileError
from ..containers import tar_address
from ..containers.tar_shards import (
    MANIFEST,
    PROGRESS,
    ShardsManifest,
    read_shard_index,
)
from ..folder_layout import FolderLayout, class_arguments, read_manifest
from .base_face_dataset import BaseFaceDataset
from .face_table import FaceTable


def _parts(folder: str) -> dict[str, dict]:
    """Return the arguments with the classes that the manifest names."""
    return dict(all=class_arguments(read_manifest(f'{folder}/{MANIFEST}')))


@DATASETS.register_module()
class TarShardDataset(BaseFaceDataset):
    """Dataset of tar shards that ``tools/dataset/make_shards.py`` wrote.

    Items have ``img_path``, an address that ``LoadImageFromFile`` understands,
    ``gt_label`` and, if the shards have boxes, ``box``. Every image can be
    read on its own, so the samplers of this package work as with files.

    Args:
        ann_file: The manifest, relative to ``data_root``.
        metainfo: ``dict(classes=...)``. Labels are matched by name.
        ignore_classes: Names in the shards that are not classes here. Such
            faces are never labeled; they remain among the unlabeled ones.
        **kwargs: See :class:`BaseFaceDataset`. There is no ``split``.

    Raises:
        FileNotFoundError: The manifest, a shard or its index is missing.
        ValueError: One of them is damaged, or a class is unknown.
    """

    layouts = (
        FolderLayout(
            'tar shards',
            dataset='TarShardDataset',
            # Shards that are still being written have no manifest yet.
            markers=(MANIFEST, PROGRESS),
            required=(MANIFEST,),
            parts=_parts,
        ),
    )

    def __init__(
        self, ann_file: str = MANIFEST, ignore_classes: tuple = (), **kwargs
    ) -> None:
        self.check_choice('split', kwargs.get('split'), (None,))
        self.ignore_classes = tuple(ignore_classes)
        super().__init__(
            ann_file=ann_file,
            # The arrays are already compact and shared with workers.
            serialize_data=False,
            **kwargs,
        )

    def read_index(self) -> None:
        """Read the indices of all shards.

        Sets the rows of all images, the shard of each, the files, and whether
        there are boxes.
        """
        # Absolute, so that the addresses are valid in any working directory.
        self.ann_file = osp.abspath(self.ann_file)
        manifest = ShardsManifest.read(self.ann_file)
        folder = osp.dirname(self.ann_file)
        self._has_boxes = manifest.has_boxes
        self._paths = [osp.join(folder, s.path) for s in manifest.shards]
        if not self._paths:
            raise ValueError(f'{self.ann_file}: there are no shards.')
        indexes = [
            read_shard_index(path, shard)
            for path, shard in zip(self._paths, manifest.shards)
        ]
        self._index = np.concatenate(indexes)
        self._shard_of = np.repeat(
            np.arange(len(indexes)), [len(index) for index in indexes]
        )
        for column in ('label', 'truth'):
            translation = self._translation(manifest.classes, column)
            self._index[column] = translation[self._index[column]]

    def _translation(self, names: list[str], column: str) -> np.ndarray:
        """Map labels in the shards to labels here; the last entry is -1."""
        classes = list(self.metainfo['classes'])
        present = np.unique(self._index[column]).tolist()
        if not present:
            raise ValueError(f'{self.ann_file}: the shards hold no image.')
        if present[-1] >= len(names):
            raise DamagedFileError(
                f'{self.ann_file}: {len(names)} classes, but the index of a '
                f'shard has label {present[-1]}.'
            )
        known = {*classes, *self.ignore_classes}
        unknown = {names[i] for i in present if i >= 0}.difference(known)
        if unknown:
            raise ValueError(
                f'{self.ann_file}: unknown class {", ".join(sorted(unknown))}.'
                f' Classes are {", ".join(classes)}; list other names '
                'in `ignore_classes`.'
            )
        return np.array(
            [classes.index(n) if n in classes else IGNORE_LABEL for n in names]
            + [IGNORE_LABEL]
        )

    def read_faces(self) -> FaceTable:
        """Read all faces, for tools, with their addresses as text."""
        self.read_index()
        return FaceTable(
            [self._address(row) for row in range(len(self._index))],
            self._index['label'],
            truths=self._index['truth'],
            boxes=self._index['box'] if self._has_boxes else None,
        )

    def load_data_list(self) -> np.ndarray:
        """Return the rows of the index that are in the subset, int64 (N,)."""
        self.read_index()
        return self.choose_rows(self._index['label'])

    def _address(self, row: int) -> str:
        entry = self._index[row]
        path = self._paths[self._shard_of[row]]
        return tar_address(path, int(entry['offset']), int(entry['size']))

    def get_data_info(self, idx: int) -> dict:
        row = self.data_list[idx]
        column = 'truth' if self.subset == 'unlabeled' else 'label'
        info = dict(
            img_path=self._address(row),
            gt_label=int(self._index[column][row]),
            sample_idx=idx,
        )
        if self._has_boxes:
            info['box'] = tuple(self._index['box'][row].tolist())
        return info

    def get_gt_labels(self) -> np.ndarray:
        """Return the class index of every item, (N,), -1 if unknown."""
        column = 'truth' if self.subset == 'unlabeled' else 'label'
        return self._index[column][np.asarray(self.data_list)]
