"""Faces of a user, with or without labels, as folders hold them."""

from __future__ import annotations

import os
import os.path as osp
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from mmengine.registry import DATASETS

from ..datasets import BaseFaceDataset, FaceDataset, FaceTable
from ..datasets.faces.image_folder_dataset import SPLIT_FOLDERS, list_images
from ..datasets.folder_layout import FolderLayout, registered_layouts
from ..labels import IGNORE_LABEL, TAXONOMIES, canonical_name
from ..utils.folder_walk import is_leftover
from ..utils.text_rows import csv_dicts

#: Label of a face whose class the network does not have.
FOREIGN = -2


@dataclass
class OwnFaces:
    """Faces to predict.

    Attributes:
        images: N paths or addresses.
        labels: Index of the class of each face, int64 (N,), -1 = unknown,
            :data:`FOREIGN` = a class that the network does not have.
        people: Person on each image, ``''`` = unknown.
        boxes: Box of each face, int64 (N, 4), or ``None`` if the image is the
            face.
        problems: What the user should know, a sentence each.
    """

    images: list[str]
    labels: np.ndarray
    people: list[str]
    boxes: np.ndarray | None = None
    problems: list[str] = field(default_factory=list)

    def select(self, rows: Sequence[int]) -> OwnFaces:
        """Select rows by their indices."""
        return OwnFaces(
            [self.images[row] for row in rows],
            self.labels[rows],
            [self.people[row] for row in rows],
            None if self.boxes is None else self.boxes[rows],
            self.problems,
        )


def read_own_faces(
    folder: str, classes: Sequence[str], split: str | None = None
) -> OwnFaces:
    """Read a folder of faces.

    It has ``labels.csv`` or the files of another data set of faces that this
    package knows, or one folder per class, or images without labels.

    Args:
        folder: The folder.
        classes: Class names of the network. Other spellings are recognized
            (:func:`fer_ssl.labels.canonical_name`).
        split: Part of the data set: a value in column ``split``, the name of a
            split, or a folder above the class folders. ``None``: all faces.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There are no faces, or it is unclear which are meant; the
            message names the folder or a file in it.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(
            f'{folder}: no such folder. Name the folder that holds '
            'labels.csv, one folder per class, or images.'
        )
    for layout in registered_layouts():
        if layout.has_marker(folder):
            config = _config_of(layout, folder, split)
            return _read(config, classes)
    root = osp.join(folder, split or '')
    if not osp.isdir(root):
        raise ValueError(f'{root}: no such folder, so there is no such split.')
    inside = _folders(root)
    if _name_classes(inside, classes):
        config = dict(
            type='ImageFolderDataset',
            data_root=folder,
            split=split,
            folders={x: canonical_name(x) for x in inside},
        )
        names = dict.fromkeys(map(canonical_name, inside))
        return _read(_with_classes(config, names), classes)
    splits = [
        x
        for x in inside
        if x.lower() in SPLIT_FOLDERS
        and _name_classes(_folders(osp.join(root, x)), classes)
    ]
    if splits:
        raise ValueError(
            f'{root}: the folders of the classes are below '
            f'{", ".join(splits)}. Choose one of these by --split.'
        )
    return _unlabeled_images(root)


def _folders(root: str) -> list[str]:
    """List the folders in a folder."""
    return [
        name
        for name in sorted(os.listdir(root))
        if not is_leftover(name) and osp.isdir(osp.join(root, name))
    ]


def _name_classes(folders: Sequence[str], classes: Sequence[str]) -> bool:
    """Return whether a folder is named after a class."""
    names = {canonical_name(name) for name in classes}
    return not names.isdisjoint(map(canonical_name, folders))


def _config_of(layout: FolderLayout, folder: str, split: str | None) -> dict:
    """Return the config of the data set in a folder."""
    kind = DATASETS.get(layout.dataset)
    if kind is None or not issubclass(kind, BaseFaceDataset):
        raise ValueError(
            f'{folder}: this is {layout.name}, which is not a data set of '
            'still faces. Let `mim test` write the predictions by '
            'test_evaluator.out_file=FILE.csv, and name that file.'
        )
    parts = layout.configs(layout.find_root(folder))
    if issubclass(kind, FaceDataset):
        # labels.csv comes before unlabeled.csv.
        config = next(iter(parts.values()))
        return dict(config, split=split)
    name = split or next(iter(parts))
    if name not in parts or (split is None and len(parts) > 1):
        raise ValueError(
            f'{folder}: this is {layout.name}. Choose one of '
            f'{", ".join(parts)} by --split.'
        )
    return parts[name]


def _read(config: dict, classes: Sequence[str]) -> OwnFaces:
    """Read a data set with all classes that it has, then map these."""
    kind = DATASETS.get(config['type'])
    if issubclass(kind, FaceDataset):
        rows = csv_dicts(config['ann_file'], ('image', 'expression'))
        names = [row['expression'] for _, row in rows]
        config = _with_classes(config, filter(None, dict.fromkeys(names)))
    elif isinstance(getattr(kind, 'taxonomy', None), str):
        config = _with_classes(config, TAXONOMIES[kind.taxonomy])
    dataset = DATASETS.build(dict(config, pipeline=[], lazy_init=True))
    table: FaceTable = dataset.read_faces()
    if not len(table):
        where = f' with split {dataset.split!r}' if dataset.split else ''
        raise ValueError(f'{dataset.source}: there are no faces{where}.')
    names = [canonical_name(x) for x in dataset.metainfo['classes']]
    index = {canonical_name(name): i for i, name in enumerate(classes)}
    # Index -1, not annotated, picks the last entry.
    mapping = [index.get(name, FOREIGN) for name in names] + [IGNORE_LABEL]
    found = OwnFaces(
        dataset._paths(table.images),
        np.array(mapping)[table.labels],
        list(table.identities or [''] * len(table)),
        table.boxes,
        list(dataset.findings),
    )
    lost = Counter(
        names[label] for label in table.labels if mapping[label] == FOREIGN
    )
    if lost:
        counts = ', '.join(f'{x} {n:,}' for x, n in lost.most_common())
        found.problems.append(
            f'{dataset.source}: {sum(lost.values()):,} faces are of classes '
            f'that the network does not have and are left out: {counts}.'
        )
    return found


def _with_classes(config: dict, classes: Iterable[str]) -> dict:
    return dict(config, metainfo=dict(classes=tuple(classes)))


def _unlabeled_images(root: str) -> OwnFaces:
    names, _ = list_images(root)
    if not names:
        raise ValueError(
            f'{root}: there are no images in it, and neither labels.csv nor '
            'a folder named after a class of the network.'
        )
    return OwnFaces(
        [osp.join(root, name) for name in names],
        np.full(len(names), IGNORE_LABEL),
        [''] * len(names),
    )
