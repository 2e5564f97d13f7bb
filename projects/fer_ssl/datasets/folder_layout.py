from __future__ import annotations

import contextlib
import glob
import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable

from ..utils.data_files import read_json

#: Arguments of a dataset class by name of the part that they select.
Parts = Mapping[str, dict]


@dataclass(frozen=True)
class FolderLayout:
    """How the files of a data set lie in its folder.

    A registered class lists its layouts in the class attribute ``layouts``;
    by them ``dataset:check`` recognizes the data set in a data root, tells
    what is missing, and reads each part.

    Attributes:
        name: Name of the data set in reports.
        dataset: Registered name of the dataset class that reads it.
        markers: Files or folders that only this data set has, relative to its
            folder. Any one of them identifies it.
        required: Files or folders that must exist, as glob patterns. A tuple
            lists alternatives, of which one must exist.
        parts: For each part, such as a split, the arguments of the class
            besides ``data_root``; or a function that returns them for a
            folder.
        classes: Class names to count the faces by. Defaults to those of the
            dataset class.
        find_root: Function from the folder with a marker to the folder of the
            data set, where the two differ.

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
        """Whether a file that identifies the data set lies in a folder."""
        return any(osp.exists(osp.join(folder, x)) for x in self.markers)

    def missing(self, folder: str) -> list[str]:
        """Required files and folders that the data set's folder lacks."""
        groups = [(x,) if isinstance(x, str) else x for x in self.required]
        return [
            ' or '.join(names)
            for names in groups
            if not any(
                glob.glob(osp.join(glob.escape(folder), x)) for x in names
            )
        ]

    def configs(self, folder: str) -> dict[str, dict]:
        """Dataset config of each part in the data set's folder, by name."""
        parts = self.parts(folder) if callable(self.parts) else self.parts
        common = dict(type=self.dataset, data_root=folder)
        if self.classes:
            common['metainfo'] = dict(classes=tuple(self.classes))
        return {name: {**common, **kwargs} for name, kwargs in parts.items()}


def read_manifest(path: str) -> dict:
    """Content of a JSON manifest, empty where it is missing or unreadable."""
    with contextlib.suppress(OSError, ValueError):
        content = read_json(path)
        return content if isinstance(content, dict) else {}
    return {}


def class_arguments(manifest: dict) -> dict:
    """``dict(metainfo=...)`` with the classes of a manifest, or ``{}``."""
    classes = manifest.get('classes')
    # MMEngine reads a string as the name of a file that lists the classes.
    if not isinstance(classes, list) or not all(
        isinstance(name, str) for name in classes
    ):
        return {}
    return dict(metainfo=dict(classes=classes)) if classes else {}
