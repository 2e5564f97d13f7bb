from __future__ import annotations

import os.path as osp

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from ..labels import ABAW_EXPRESSIONS, IGNORE_LABEL
from .backends import tar_address
from .open_files import DamagedFileError
from .skip_unreadable import SkipUnreadable
from .tar_shards import MANIFEST, ShardsManifest, read_shard_index


@DATASETS.register_module()
class TarShardDataset(SkipUnreadable, BaseDataset):
    """Faces in tar shards, written by ``tools/dataset/make_shards.py``.

    Items are ``img_path``, an address that ``LoadImageFromFile`` understands,
    ``gt_label`` (-1 = not known) and, where the shards have boxes, ``box``
    (left, top, right, bottom). Every image can be read alone, so that the
    samplers of this package work as with files.

    Args:
        ann_file: The manifest, relative to ``data_root``.
        metainfo: ``dict(classes=...)``. Labels are matched by name.
        ignore_classes: Names in the shards that are no class here; such
            faces get the label -1.
        on_unreadable: ``'raise'``, or ``'skip'``: warn, count, and take the
            next face of the same class in place of an unreadable image.

    Raises:
        FileNotFoundError: The manifest, a shard or its index is missing.
        ValueError: One of them is damaged, or a class is unknown.
    """

    METAINFO = dict(classes=ABAW_EXPRESSIONS)

    def __init__(
        self, ann_file: str = MANIFEST, ignore_classes: tuple = (), **kwargs
    ) -> None:
        self.ignore_classes = tuple(ignore_classes)
        # The arrays are already compact and shared with workers.
        super().__init__(ann_file=ann_file, serialize_data=False, **kwargs)

    def load_data_list(self) -> np.ndarray:
        """(shard, row in all shards' index) of every image, int64 (N, 2)."""
        # The addresses must hold wherever they are read.
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
        labels = self._translation(manifest.classes)[self._index['label']]
        self._index['label'] = labels
        shards = np.repeat(np.arange(len(indexes)), [*map(len, indexes)])
        return np.stack([shards, np.arange(len(self._index))], axis=1)

    def _translation(self, names: list[str]) -> np.ndarray:
        """Labels here of the labels in the shards; the last one is for -1."""
        classes = list(self.metainfo['classes'])
        unknown = set(names).difference(classes, self.ignore_classes)
        labels = np.unique(self._index['label']).tolist()
        if labels[-1] >= len(names):
            raise DamagedFileError(
                f'{self.ann_file}: {len(names)} classes, but the index of a '
                f'shard has label {labels[-1]}.'
            )
        lost = [names[i] for i in labels if i >= 0 and names[i] in unknown]
        if lost:
            raise ValueError(
                f'{self.ann_file}: unknown class {", ".join(lost)}. Classes '
                f'are {", ".join(classes)}; other names must stand in '
                '`ignore_classes`.'
            )
        return np.array(
            [classes.index(n) if n in classes else IGNORE_LABEL for n in names]
            + [IGNORE_LABEL]
        )

    def get_data_info(self, idx: int) -> dict:
        shard, row = self.data_list[idx]
        row = self._index[row]
        path = self._paths[shard]
        info = dict(
            img_path=tar_address(path, int(row['offset']), int(row['size'])),
            gt_label=int(row['label']),
            sample_idx=idx,
        )
        if self._has_boxes:
            info['box'] = tuple(row['box'].tolist())
        return info

    def get_gt_labels(self) -> np.ndarray:
        """Class index of every item, (N,), -1 where it is not known."""
        rows = np.asarray(self.data_list)[:, 1]
        return self._index['label'][rows]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class of one item, as mmengine's ClassBalancedDataset asks."""
        return [self.get_data_info(idx)['gt_label']]
