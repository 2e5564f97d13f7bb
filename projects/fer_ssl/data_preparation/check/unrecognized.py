"""Describes folders that hold images but are no data set that is known."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import os.path as osp
import shlex
from collections.abc import Iterator, Sequence

from ...datasets.faces.image_folder_dataset import (
    EXTENSIONS,
    SPLIT_FOLDERS,
)
from ...labels import ABAW_EXPRESSIONS, TAXONOMIES, canonical_name
from ...utils.folder_walk import is_leftover

_MAX_ENTRIES = 10_000  # of a folder and those below it
_MAX_FOLDERS = 1000  # that are looked into
_MAX_SHOWN = 10  # folders, and names in a description
_LEVELS = 2
_CLASSES = {name for names in TAXONOMIES.values() for name in names}


def describe_unrecognized(root: str, homes: Sequence[str]) -> list[str]:
    """Describe the folders with images that belong to no data set.

    Only the first thousands of entries of each folder are looked at.

    Args:
        root: The data root.
        homes: Folders of the data sets in it.

    Returns:
        A line for each folder, followed by lines that can be added to the
        command to read it.
    """
    real = [osp.realpath(home) for home in homes]
    folders = list(_units(root, real, _LEVELS, itertools.count()))
    lines = []
    for folder in folders[:_MAX_SHOWN]:
        lines += _lines(root, folder)
    if len(folders) > _MAX_SHOWN:
        lines.append(f'... and {len(folders) - _MAX_SHOWN} more folders')
    return lines


def _units(
    folder: str, homes: list[str], levels: int, visits: Iterator[int]
) -> Iterator[str]:
    """Yield the folders that seem to be a data set each, and hold images."""
    real = osp.realpath(folder)
    if real in homes or next(visits) >= _MAX_FOLDERS:
        return
    names, num_images, _ = _entries(folder)
    has_sets = any(home.startswith(osp.join(real, '')) for home in homes)
    is_unit = num_images or any(map(_is_split_or_class, names))
    if levels < _LEVELS and not is_unit:
        # Folders of people or videos, say, are one set of images.
        inside = [osp.join(folder, name) for name in names[:_MAX_SHOWN]]
        is_unit = any(_entries(path, limit=100)[1] for path in inside)
    if not has_sets and (is_unit or not levels):
        if _count_images(folder)[0]:
            yield folder
        return
    if levels:
        for name in names:
            path = osp.join(folder, name)
            yield from _units(path, homes, levels - 1, visits)


def _is_split_or_class(name: str) -> bool:
    return (
        name.lower() in SPLIT_FOLDERS
        or canonical_name(name) in _CLASSES
        or (len(name) <= 2 and name.isdecimal())
    )


def _entries(
    folder: str, limit: int = _MAX_ENTRIES
) -> tuple[list[str], int, int]:
    """Return the names of subfolders and the numbers of images and entries."""
    names, num_images, count = [], 0, 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if count == limit:
                break
            count += 1
            if is_leftover(entry.name):
                continue
            if entry.is_dir():
                names.append(entry.name)
            else:
                num_images += entry.name.lower().endswith(EXTENSIONS)
    return sorted(names, key=_place), num_images, count


def _place(name: str) -> tuple:
    """Sort splits as in training, then by name."""
    low = name.lower()
    return low.startswith('test'), not low.startswith('train'), low, name


def _count_images(folder: str) -> tuple[int, bool]:
    """Count the images in a folder and below, and say whether that is all."""
    total, left, folders = 0, _MAX_ENTRIES, [folder]
    seen = set()  # against links in a circle
    while folders and left > 0:
        path = folders.pop()
        real = osp.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        names, num_images, count = _entries(path, left)
        total += num_images
        left -= max(count, 1)
        folders += [osp.join(path, name) for name in names]
    return total, left > 0


def _lines(root: str, folder: str) -> list[str]:
    names, _, _ = _entries(folder)
    splits = [name for name in names if name.lower() in SPLIT_FOLDERS]
    inner = splits or ['']
    classes = sorted(
        {x for name in inner for x in _entries(osp.join(folder, name))[0]}
    )
    count, complete = _count_images(folder)
    groups = [', '.join(x[:_MAX_SHOWN]) for x in (splits, classes) if x]
    about = '; '.join(groups) + ': ' if groups else ''
    many = f'{count:,} images' if complete else f'{count:,} images or more'
    lines = [
        f'not recognized: {osp.relpath(folder, root)} ({about}{many}), see '
        '--set'
    ]
    own = [canonical_name(name) for name in classes]
    if not all(map(_is_split_or_class, classes)) or not classes:
        return lines
    numbered = all(name.isdecimal() for name in own)
    title = osp.basename(osp.abspath(folder))
    for split in inner:
        arguments = [f'data_root={_quoted(osp.abspath(folder))}']
        if split:
            arguments.append(f'split={_quoted(split)}')
        if numbered:
            arguments.append('taxonomy="..."')
        elif not set(ABAW_EXPRESSIONS).issuperset(own):
            names = ', '.join(map(_quoted, own))
            arguments.append(f'metainfo=dict(classes=[{names}])')
        call = f'ImageFolderDataset({", ".join(arguments)})'
        name = f'{title} {split}'.strip()
        lines.append(f'  --set {shlex.quote(f"{name}={call}")}')
    return lines


def _quoted(text: str) -> str:
    """Quote a text in double quotes, so that a shell needs single ones."""
    return json.dumps(text, ensure_ascii=False)
