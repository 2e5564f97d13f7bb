from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.fileio import get_file_backend
from mmengine.logging import print_log
from mmengine.utils import is_abs

from ...labels import ABAW_EXPRESSIONS, IGNORE_LABEL
from ...utils.warn_once import warn_once
from ..class_names import with_class_names
from ..folder_layout import FolderLayout
from ..transforms.crop_face import FaceOutsideImageError
from ..unreadable_images import (
    IMAGE_ERRORS,
    describe_failure,
    is_readable,
)
from .face_table import FaceTable


class BaseFaceDataset(BaseDataset):
    """Base of datasets of still faces; subclasses read the annotation.

    Items have ``img_path`` and ``gt_label`` (-1 = unknown), and ``box`` (left,
    top, right, bottom) if the data set gives one; the transform ``CropFace``
    crops it. ``identity`` is the person, if the data set names people.

    With ``labeled_per_class``, one data set provides both parts of a
    semi-supervised experiment: ``subset='labeled'`` is that many random faces
    of each class, ``subset='unlabeled'`` all other faces of the split. The
    choice depends only on ``seed`` and the annotation.

    With ``held_out``, a random part of the annotated faces is in none of these
    subsets, but in ``subset='held_out'``: settings can be chosen on it, and
    the validation set serves only to report results. The part is the same for
    every ``seed``.

    Args:
        ann_file: Annotation file, relative to ``data_root``.
        data_prefix: ``dict(img_path=...)``, the folder of the images.
        split: Split to use; a number is its text. ``None`` uses all of them.
        subset: ``'all'``, ``'labeled'``, ``'unlabeled'`` or ``'held_out'``.
            All but ``'unlabeled'`` contain annotated faces only.
        labeled_per_class: Labeled faces per class; ``None`` means every
            annotated face is labeled.
        labeled_ratio: Size of the largest labeled class divided by that of the
            smallest, at least 1. The sizes fall by the same factor from class
            to class, from the one with the most annotated faces to the one
            with the fewest. ``labeled_per_class`` is their mean, up to
            rounding, so that all ratios have the same number of labels.
        seed: Seed of the draw of labeled faces.
        held_out: Fraction of the annotated faces to hold out, below 1.
        on_unreadable: ``'raise'``, or ``'skip'`` to warn, count, and use the
            next face of the same class instead of an unreadable image.

    Raises:
        FileNotFoundError: The annotation or the folder of images is missing.
        ValueError: The annotation is invalid; the message names file and line.
    """

    METAINFO = dict(classes=ABAW_EXPRESSIONS)
    #: Folder layouts by which ``dataset:check`` recognizes the data set.
    layouts: Sequence[FolderLayout] = ()

    def __init__(
        self,
        ann_file: str = '',
        data_prefix: dict | None = None,
        split: str | None = None,
        subset: str = 'all',
        labeled_per_class: int | None = None,
        labeled_ratio: float = 1.0,
        seed: int = 0,
        held_out: float = 0.0,
        on_unreadable: str = 'raise',
        **kwargs,
    ) -> None:
        for name, value, choices in (
            ('subset', subset, ('all', 'labeled', 'unlabeled', 'held_out')),
            ('on_unreadable', on_unreadable, ('raise', 'skip')),
        ):
            self.check_choice(name, value, choices)
        self.split = None if split is None else str(split)
        self.subset = subset
        if labeled_ratio < 1 or (labeled_ratio > 1 and not labeled_per_class):
            raise ValueError(
                f'{type(self).__name__}: labeled_ratio={labeled_ratio} must '
                'be at least 1 and needs labeled_per_class, the mean.'
            )
        if not 0 <= held_out < 1 or (subset == 'held_out' and not held_out):
            raise ValueError(
                f'{type(self).__name__}: held_out={held_out} must be at least '
                "0 and below 1, and above 0 for subset='held_out'."
            )
        self.held_out = held_out
        self.labeled_per_class = labeled_per_class
        self.labeled_ratio = labeled_ratio
        self.seed = seed
        #: Problems in the annotation that are not errors, a sentence each.
        self.findings: list[str] = []
        self.on_unreadable = on_unreadable
        # In shared memory, so that the loader's workers count together.
        self._num_unreadable = torch.zeros((), dtype=torch.int64)
        self._num_unreadable.share_memory_()
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path=''),
            **kwargs,
        )

    @classmethod
    def _load_metainfo(cls, metainfo: dict | None = None) -> dict:
        return super()._load_metainfo(with_class_names(metainfo))

    def read_faces(self) -> FaceTable:
        """Read all faces of the split; labels are class indices."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """Name of the annotation in messages."""
        return self.ann_file or self.data_prefix['img_path']

    @property
    def num_unreadable(self) -> int:
        """Number of unreadable images skipped so far, over all workers."""
        return int(self._num_unreadable)

    def load_data_list(self) -> list[dict]:
        faces = self.read_faces()
        for finding in self.findings:
            warn_once(f'{self.source}: {finding}')
        keep = self.choose_rows(faces.labels)
        known = faces.labels
        if self.subset == 'unlabeled' and faces.truths is not None:
            known = faces.truths
        items = [
            dict(img_path=path, gt_label=label)
            for path, label in zip(
                self._paths([faces.images[i] for i in keep]),
                known[keep].tolist(),
            )
        ]
        if faces.boxes is not None:
            for item, box in zip(items, faces.boxes[keep].tolist()):
                item['box'] = tuple(box)
        if faces.votes is not None:
            for item, votes in zip(items, faces.votes[keep]):
                if item['gt_label'] != IGNORE_LABEL:
                    score = votes / votes.sum()
                    item['gt_score'] = score.astype(np.float32)
        if faces.identities is not None:
            for item, row in zip(items, keep.tolist()):
                item['identity'] = faces.identities[row]
        return items

    def _paths(self, images: list[str]) -> list[str]:
        """Join the image paths to the folder of images, unless absolute."""
        prefix = self.data_prefix['img_path']
        join = get_file_backend(prefix).join_path
        return [
            image if '://' in image or is_abs(image) else join(prefix, image)
            for image in images
        ]

    def choose_rows(self, labels: np.ndarray) -> np.ndarray:
        """Return the sorted indices of the rows in the subset, int64 (N,).

        Raises:
            ValueError: The subset is empty.
        """
        held_out = self._choose_held_out(labels)
        labels = labels.copy()
        labels[held_out] = IGNORE_LABEL
        if self.subset == 'held_out':
            rows = held_out
        elif self.subset == 'all' or self.labeled_per_class is None:
            rows = np.flatnonzero(labels != IGNORE_LABEL)
        else:
            rows = self._choose_labeled(labels)
        if self.subset == 'unlabeled':
            used = np.concatenate([rows, held_out])
            rows = np.setdiff1d(np.arange(len(labels)), used)
        if not len(rows):
            raise ValueError(
                f'{self.source}: no face with subset={self.subset!r} and '
                f'split={self.split!r}. Check both, and the annotation of '
                'the classes.'
            )
        return rows

    def _choose_held_out(self, labels: np.ndarray) -> np.ndarray:
        """Draw the sorted indices of the rows that are held out."""
        annotated = np.flatnonzero(labels != IGNORE_LABEL)
        order = np.random.default_rng(0).permutation(annotated)
        return np.sort(order[: round(self.held_out * len(annotated))])

    def _choose_labeled(self, labels: np.ndarray) -> np.ndarray:
        """Draw the labeled rows, :meth:`_labeled_counts` of each class."""
        counts = self._labeled_counts(labels)
        rng = np.random.default_rng(self.seed)
        chosen = []
        for label, name in enumerate(self.metainfo['classes']):
            members = rng.permutation(np.flatnonzero(labels == label))
            if len(members) < counts[label]:
                self.warn(
                    f'class {name} has {len(members)} faces, fewer than the '
                    f'{counts[label]} to be labeled; all are labeled.'
                )
            chosen.append(members[: counts[label]])
        return np.sort(np.concatenate(chosen))

    def _labeled_counts(self, labels: np.ndarray) -> list[int]:
        """Return the number of labeled faces of each class."""
        classes = len(self.metainfo['classes'])
        known = np.bincount(labels[labels != IGNORE_LABEL], minlength=classes)
        rank = np.argsort(np.argsort(-known, kind='stable'))
        sizes = self.labeled_ratio ** -(rank / max(classes - 1, 1))
        sizes *= self.labeled_per_class / sizes.mean()
        minimum = min(self.labeled_per_class, 1)
        return np.maximum(sizes.round(), minimum).astype(int).tolist()

    def check_choice(self, name: str, value, choices: tuple) -> None:
        """Raise a ValueError if an argument is not one of the choices."""
        if value not in choices:
            raise ValueError(
                f'{type(self).__name__}: {name}={value!r} is none of '
                f'{choices}.'
            )

    def warn(self, message: str) -> None:
        """Log a warning about the annotation."""
        message = f'{type(self).__name__}, {self.source}: {message}'
        print_log(message, 'current', logging.WARNING)

    def get_gt_labels(self) -> np.ndarray:
        """Return the class index of every item, (N,), -1 if unknown."""
        return np.array(
            [self.get_data_info(i)['gt_label'] for i in range(len(self))]
        )

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the class of an item, for mmengine's ClassBalancedDataset."""
        return [self.get_data_info(idx)['gt_label']]

    def prepare_data(self, idx: int) -> dict:
        """Run item ``idx`` through the pipeline.

        Raises:
            ValueError: The image cannot be read or its box is outside, and
                ``on_unreadable`` is ``'raise'``, or no image of the class can
                be read.
        """
        label = self.get_data_info(idx)['gt_label']
        for step in range(len(self)):
            info = self.get_data_info((idx + step) % len(self))
            if info['gt_label'] != label:
                continue
            path = info['img_path']
            try:
                return self.pipeline(info)
            except FaceOutsideImageError as error:
                cause, problem = error, str(error)
            except IMAGE_ERRORS as error:
                if is_readable(path):
                    raise
                cause = error
                problem = describe_failure(path, error)
            if self.on_unreadable == 'raise':
                raise ValueError(
                    f'{problem} Remove it from the annotation '
                    f"({self.source}), or set on_unreadable='skip' to leave "
                    'such images out.'
                ) from cause
            self._num_unreadable += 1
            print_log(
                f'{problem} Skipped ({self.num_unreadable} so far).',
                'current',
                logging.WARNING,
            )
        raise ValueError(
            f'{self.source}: no readable image of class number {label}.'
        )
