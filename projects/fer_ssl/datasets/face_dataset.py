from __future__ import annotations

import csv
import logging

import cv2
import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.fileio import join_path
from mmengine.logging import print_log
from mmengine.registry import DATASETS

from ..labels import ABAW_EXPRESSIONS, IGNORE_LABEL


@DATASETS.register_module()
class FaceDataset(BaseDataset):
    """Still faces from a CSV file ``image,expression[,identity,split,...]``.

    ``image`` is relative to ``data_prefix['img_path']``. ``expression`` is a
    class name, or empty where the face is not annotated. The items are
    ``img_path`` and ``gt_label`` (-1 = not known).

    With ``labeled_per_class`` one file gives both sides of a semi-supervised
    experiment: ``subset='labeled'`` is that many random faces of each class,
    ``subset='unlabeled'`` all other faces of the split. The choice depends
    only on ``seed`` and the file.

    Args:
        ann_file: CSV file, relative to ``data_root``.
        metainfo: ``dict(classes=...)``. Defaults to the eight of ABAW.
        split: Keep the rows with this value in column ``split``. ``None``
            keeps all.
        subset: ``'all'``, ``'labeled'`` or ``'unlabeled'``. ``'all'`` and
            ``'labeled'`` need an expression in the row and drop the others.
        labeled_per_class: Labeled faces per class; ``None`` means every
            annotated face is labeled.
        seed: Seed of the choice of labeled faces.
        ignore_classes: Names that may stand in the file but are no class
            here. Such faces are never labeled; they stay among the unlabeled.
        truth_column: Column with the class of unlabeled faces, used for
            logging the accuracy of pseudo-labels and nothing else. Defaults
            to ``expression``.
        on_unreadable: ``'raise'``, or ``'skip'``: warn, count, and take the
            next face of the same class in place of an unreadable image.

    Raises:
        FileNotFoundError: The CSV file is missing.
        ValueError: A column is missing or a class name is unknown; the
            message names file and line.
    """

    METAINFO = dict(classes=ABAW_EXPRESSIONS)

    def __init__(
        self,
        ann_file: str,
        data_prefix: dict | None = None,
        split: str | None = None,
        subset: str = 'all',
        labeled_per_class: int | None = None,
        seed: int = 0,
        ignore_classes: tuple = (),
        truth_column: str = 'expression',
        on_unreadable: str = 'raise',
        **kwargs,
    ) -> None:
        for name, value, choices in (
            ('subset', subset, ('all', 'labeled', 'unlabeled')),
            ('on_unreadable', on_unreadable, ('raise', 'skip')),
        ):
            if value not in choices:
                raise ValueError(
                    f'FaceDataset: {name}={value!r} is none of {choices}.'
                )
        self.split = split
        self.subset = subset
        self.labeled_per_class = labeled_per_class
        self.seed = seed
        self.ignore_classes = tuple(ignore_classes)
        self.truth_column = truth_column
        self.on_unreadable = on_unreadable
        # In shared memory, so that the loader's workers count together.
        self._num_unreadable = torch.zeros((), dtype=torch.int64)
        self._num_unreadable.share_memory_()
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path='images'),
            **kwargs,
        )

    @property
    def num_unreadable(self) -> int:
        """Images skipped as unreadable so far, over all workers."""
        return int(self._num_unreadable)

    def load_data_list(self) -> list[dict]:
        rows = self._read_rows()
        labels = np.array([label for _, label, _ in rows], dtype=np.int64)
        if self.subset == 'all':
            keep = np.flatnonzero(labels != IGNORE_LABEL)
        else:
            labeled = self._choose_labeled(labels)
            if self.subset == 'labeled':
                keep = labeled
            else:
                keep = np.setdiff1d(np.arange(len(rows)), labeled)
        if not len(keep):
            raise ValueError(
                f'{self.ann_file}: no {self.subset} face with split='
                f'{self.split!r} remains. Check the columns `expression` and '
                '`split`.'
            )
        prefix = self.data_prefix['img_path']
        return [
            dict(img_path=join_path(prefix, rows[i][0]), gt_label=rows[i][2])
            for i in keep
        ]

    def _read_rows(self) -> list[tuple[str, int, int]]:
        """(image, label, true class) of every row of the split."""
        columns = ['expression']
        if self.subset == 'unlabeled':
            columns.append(self.truth_column)
        index = {name: i for i, name in enumerate(self.metainfo['classes'])}
        index.update(dict.fromkeys(self.ignore_classes, IGNORE_LABEL))
        index[''] = IGNORE_LABEL
        rows = []
        try:
            file = open(self.ann_file, newline='', encoding='utf-8-sig')
        except FileNotFoundError:
            raise FileNotFoundError(
                f'{self.ann_file}: no such annotation file. Set `data_root` '
                'to the folder that holds it.'
            ) from None
        with file:
            reader = csv.DictReader(file)
            needed = {'image', *columns}
            if self.split is not None:
                needed.add('split')
            missing = needed.difference(reader.fieldnames or ())
            if missing:
                raise ValueError(
                    f'{self.ann_file}:1: column {", ".join(sorted(missing))} '
                    f'is missing; the header is {reader.fieldnames}.'
                )
            for row in reader:
                if self.split is not None and row['split'] != self.split:
                    continue
                where = f'{self.ann_file}:{reader.line_num}'
                if not row['image']:
                    raise ValueError(f'{where}: no image is named.')
                names = [row[column] for column in columns]
                for name in names:
                    if name not in index:
                        raise ValueError(
                            f'{where}: unknown class {name!r}. Classes are '
                            f'{", ".join(self.metainfo["classes"])}; other '
                            'names must stand in `ignore_classes`.'
                        )
                rows.append((row['image'], index[names[0]], index[names[-1]]))
        return rows

    def _choose_labeled(self, labels: np.ndarray) -> np.ndarray:
        """Sorted row numbers of the labeled faces."""
        if self.labeled_per_class is None:
            return np.flatnonzero(labels != IGNORE_LABEL)
        rng = np.random.default_rng(self.seed)
        chosen = []
        for label, name in enumerate(self.metainfo['classes']):
            members = rng.permutation(np.flatnonzero(labels == label))
            if len(members) < self.labeled_per_class:
                print_log(
                    f'{self.ann_file}: class {name} has {len(members)} faces, '
                    f'fewer than labeled_per_class={self.labeled_per_class}; '
                    'all are labeled.',
                    'current',
                    logging.WARNING,
                )
            chosen.append(members[: self.labeled_per_class])
        return np.sort(np.concatenate(chosen))

    def get_gt_labels(self) -> np.ndarray:
        """Class index of every item, (N,), -1 where it is not known."""
        return np.array(
            [self.get_data_info(i)['gt_label'] for i in range(len(self))]
        )

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class of one item, as mmengine's ClassBalancedDataset asks."""
        return [self.get_data_info(idx)['gt_label']]

    def prepare_data(self, idx: int) -> dict:
        """Item ``idx`` through the pipeline.

        Raises:
            ValueError: The image cannot be read and ``on_unreadable`` is
                ``'raise'``, or no image of the class can be read.
        """
        label = self.get_data_info(idx)['gt_label']
        for step in range(len(self)):
            info = self.get_data_info((idx + step) % len(self))
            if info['gt_label'] != label:
                continue
            path = info['img_path']
            try:
                return self.pipeline(info)
            # What mmcv raises for a missing, undecodable and empty file.
            except (OSError, AssertionError, cv2.error) as error:
                if cv2.imread(path) is not None:
                    raise
                if self.on_unreadable == 'raise':
                    raise ValueError(
                        f'{path}: not a readable image ({error}). Remove its '
                        f"row from {self.ann_file}, or set on_unreadable='"
                        "skip' to leave such images out."
                    ) from error
                self._num_unreadable += 1
                print_log(
                    f'{path}: not a readable image, skipped '
                    f'({self.num_unreadable} so far).',
                    'current',
                    logging.WARNING,
                )
        raise ValueError(
            f'{self.ann_file}: no readable image of class number {label}.'
        )
