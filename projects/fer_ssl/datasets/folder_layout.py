from __future__ import annotations

import contextlib
import glob
import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable

from mmengine.registry import DATASETS, TASK_UTILS

from ..utils.data_files import read_json

#: Arguments of a dataset class by name of the part that they select.
Parts = Mapping[str, dict]


@dataclass(frozen=True)
class FolderLayout:
    """Layout of the files of a data set in its folder.

    A registered class lists its layouts in the class attribute ``layouts``.
    ``dataset:check`` uses them to recognize the data set in a data root, to
    report what is missing, and to read each part.

    Attributes:
        name: Name of the data set in reports.
        dataset: Registered name of the dataset class that reads it.
        markers: Files or folders that only this data set has, relative to its
            folder. Each of them identifies it.
        required: Files or folders that must exist, as glob patterns. A tuple
        lists alternatives; one of them must exist.
        parts: For each part, such as a split, the arguments of the class
            besides ``data_root``; or a function that returns them for a
            folder.
        classes: Class names by which faces are counted. Defaults to the
            classes of the dataset class.
        find_root: Function that maps the folder with a marker to the folder of
            the data set, if the two differ.

    Example:
        >>> FolderLayout(
        ...     'RAF-DB',
        ...     dataset='RAFDBDataset',
        ...     markers=('EmoLabel/list_patition_label.txt',),
        ...     required=('Image/aligned',),
        ...     parts=dict(train=dict(split='train'), test=dict(split='test')),
        ... )
    """

    name: str
    dataset: str
    markers: Sequence[str]
    required: Sequence[str | tuple[str, ...]] = ()
    parts: Parts | Callable[[str], Parts] = field(
        default_factory=lambda: dict(all={})
    )
    classes: Sequence[str] = ()
    find_root: Callable[[str], str] = str

    def has_marker(self, folder: str) -> bool:
        """Return whether a folder has a file that identifies the data set."""
        return any(osp.exists(osp.join(folder, x)) for x in self.markers)

    def missing(self, folder: str) -> list[str]:
        """List the required files and folders that are missing in a folder."""
        groups = [(x,) if isinstance(x, str) else x for x in self.required]
        return [
            ' or '.join(names)
            for names in groups
            if not any(
                glob.glob(osp.join(glob.escape(folder), x)) for x in names
            )
        ]

    def configs(self, folder: str) -> dict[str, dict]:
        """Return the dataset config of each part in a folder, by name."""
        parts = self.parts(folder) if callable(self.parts) else self.parts
        common = dict(type=self.dataset, data_root=folder)
        if self.classes:
            common['metainfo'] = dict(classes=tuple(self.classes))
        return {name: {**common, **kwargs} for name, kwargs in parts.items()}


def registered_layouts() -> list[FolderLayout]:
    """Layouts of all registered dataset classes and readers, by name."""
    layouts = []
    for registry in (DATASETS, TASK_UTILS):
        for cls in registry.module_dict.values():
            # Not those inherited, which a subclass may not read.
            layouts += vars(cls).get('layouts', ())
    # Capitals come first: data sets before plain formats such as a CSV file,
    # as a folder may have both, and its images are looked at only once.
    return sorted(layouts, key=lambda layout: layout.name)


def read_manifest(path: str) -> dict:
    """Read a JSON manifest; empty if it is missing or unreadable."""
    with contextlib.suppress(OSError, ValueError):
        content = read_json(path)
        return content if isinstance(content, dict) else {}
    return {}


def class_arguments(manifest: dict) -> dict:
    """Return ``dict(metainfo=...)`` with a manifest's classes, or ``{}``."""
    classes = manifest.get('classes')
    # MMEngine reads a string as the name of a file that lists the classes.
    if not isinstance(classes, list) or not all(
        isinstance(name, str) for name in classes
    ):
        return {}
    return dict(metainfo=dict(classes=classes)) if classes else {}
