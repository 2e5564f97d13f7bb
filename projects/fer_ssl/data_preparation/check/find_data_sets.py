"""Finds data sets by the layouts that their classes declare."""

from __future__ import annotations

import contextlib
import os
import os.path as osp
from collections.abc import Iterator, Sequence

from ...datasets import FolderLayout
from ...utils.folder_walk import is_leftover

_MAX_ENTRIES = 1000  # a folder with more holds images, not data sets


def find_data_sets(
    root: str, layouts: Sequence[FolderLayout]
) -> Iterator[tuple[FolderLayout, str]]:
    """Yield the data sets in a data root and up to two levels below.

    Args:
        root: The data root.
        layouts: Data sets to look for.

    Yields:
        The layout of a data set and the folder of the data set.

    Raises:
        FileNotFoundError: There is no such data root.
    """
    if not osp.isdir(root):
        raise FileNotFoundError(f'{root}: no such folder.')
    found = set()
    for folder in _folders(root):
        for layout in layouts:
            if layout.has_marker(folder):
                home = layout.find_root(folder)
                if (layout.name, home) not in found:
                    found.add((layout.name, home))
                    yield layout, home


def _folders(root: str, levels: int = 2) -> Iterator[str]:
    """Yield a folder and those below it, but none among too many entries."""
    yield root
    if not levels:
        return
    inside = []
    with contextlib.suppress(PermissionError), os.scandir(root) as entries:
        for number, entry in enumerate(entries):
            if number == _MAX_ENTRIES:
                return
            if not is_leftover(entry.name) and entry.is_dir():
                inside.append(entry.path)
    for folder in sorted(inside):
        yield from _folders(folder, levels - 1)
