"""Finds images that occur more than once under different names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...labels import IGNORE_LABEL
from .data_report import MOST_LISTED, PartReport

if TYPE_CHECKING:
    from .data_check import Faces


@dataclass
class PartContents:
    """Hashes of the images of a part of a data set, one row per face.

    Attributes:
        folder: Folder of the data set.
        split: Split that the part consists of, ``None`` if unknown.
        within: Whether the images of the part are compared with each other.
        paths: Hash of the path of each image, uint64 (N,).
        contents: Hash of its bytes, uint64 (N,), 0 where they are unknown.
        faces: Hash of its bytes and the box of the face, uint64 (N,).
        labels: Class, int32 (N,), of the same list for all parts; -1 if not
            annotated.
    """

    folder: str
    split: str | None
    within: bool
    paths: np.ndarray
    contents: np.ndarray
    faces: np.ndarray
    labels: np.ndarray

    def select(self, rows: np.ndarray) -> PartContents:
        """Select rows by their indices."""
        return replace(
            self,
            paths=self.paths[rows],
            contents=self.contents[rows],
            faces=self.faces[rows],
            labels=self.labels[rows],
        )


@dataclass
class Copies:
    """Images of a part that are identical to images of an earlier part.

    Attributes:
        first: Index of the earlier part, or of the same part.
        second: Index of the part.
        rows: Rows of the second part, one per image.
        originals: For each of them, a row of the first part.
        conflicts: Rows of the second part whose face has another class in the
            first, (K,).
        classes: Class of these faces and the other class, (K, 2).
    """

    first: int
    second: int
    rows: np.ndarray
    originals: np.ndarray
    conflicts: np.ndarray
    classes: np.ndarray


def find_copies(parts: Sequence[PartContents]) -> list[Copies]:
    """Compare all parts with each other and each with itself.

    The same file in two parts counts only if these are different splits of
    one data set: otherwise two lists simply name the same images.
    """
    everything = np.concatenate([x.contents for x in parts] or [np.empty(0)])
    everything.sort()
    repeated = np.unique(everything[1:][everything[1:] == everything[:-1]])
    repeated = repeated[repeated != 0]
    # Few rows remain, so that the comparison in pairs is cheap.
    kept = [np.flatnonzero(np.isin(x.contents, repeated)) for x in parts]
    few = [part.select(rows) for part, rows in zip(parts, kept)]
    found = []
    for second in range(len(parts)):
        for first in range(second + 1):
            if first != second:
                copies = _between(few[first], few[second])
            elif few[first].within:
                copies = _within(few[first])
            else:
                continue
            rows, originals, conflicts, classes = copies
            if len(rows) or len(conflicts):
                found.append(
                    Copies(
                        first,
                        second,
                        kept[second][rows],
                        kept[first][originals],
                        kept[second][conflicts],
                        classes,
                    )
                )
    return found


def _between(
    first: PartContents, second: PartContents
) -> tuple[np.ndarray, ...]:
    """Return the four arrays of :class:`Copies`."""
    copied = np.isin(second.contents, first.contents)
    splits = first.split, second.split
    if first.folder != second.folder or None in splits or len({*splits}) == 1:
        copied &= ~np.isin(second.paths, first.paths)
    rows = _first_of_each(second.paths, np.flatnonzero(copied))
    order = np.argsort(first.contents, kind='stable')
    places = np.searchsorted(
        first.contents, second.contents[rows], sorter=order
    )
    return rows, order[places], *_conflicts(first, second, copied)


def _within(part: PartContents) -> tuple[np.ndarray, ...]:
    """Return the four arrays of :class:`Copies`."""
    images = _first_of_each(part.paths, np.arange(len(part.paths)))
    contents = part.contents[images]
    _, first, inverse = np.unique(
        contents, return_index=True, return_inverse=True
    )
    originals = images[first[inverse]]
    copied = originals != images
    everything = np.ones(len(part.paths), bool)
    conflicts, classes = _conflicts(part, part, everything)
    # Each face once: its last row, not also the one that it contradicts.
    _, once = np.unique(part.faces[conflicts][::-1], return_index=True)
    once = np.sort(len(conflicts) - 1 - once)
    return images[copied], originals[copied], conflicts[once], classes[once]


def _first_of_each(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Select from ascending rows those with a value not seen before."""
    _, first = np.unique(values[rows], return_index=True)
    return rows[np.sort(first)]


def _conflicts(
    first: PartContents, second: PartContents, copied: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of faces with another class in the first part, (K,).

    Also returns the two classes of each, (K, 2).
    """
    rows = np.flatnonzero(copied & (second.labels != IGNORE_LABEL))
    known = np.flatnonzero(first.labels != IGNORE_LABEL)
    faces, inverse = np.unique(first.faces[known], return_inverse=True)
    low = np.full(len(faces), np.iinfo(np.int32).max, np.int32)
    high = np.full(len(faces), -1, np.int32)
    np.minimum.at(low, inverse, first.labels[known])
    np.maximum.at(high, inverse, first.labels[known])
    rows = rows[np.isin(second.faces[rows], faces)]
    place = np.searchsorted(faces, second.faces[rows])
    labels = second.labels[rows]
    others = np.where(low[place] != labels, low[place], high[place])
    differ = others != labels
    return rows[differ], np.stack([labels, others], axis=1)[differ]


def report_copies(
    report: PartReport,
    copies: Copies,
    first_name: str,
    first: Faces,
    second: Faces,
    classes: Sequence[str],
) -> None:
    """Add the copies to the report of the part that holds them.

    Args:
        report: Report of the second part.
        copies: The copies.
        first_name: Name of the first part.
        first: Faces of the first part.
        second: Faces of the second part.
        classes: Names of all classes.
    """
    own = copies.first == copies.second
    # There may be millions.
    listed = slice(MOST_LISTED)
    originals = {
        second.path(row): first.path(original)
        for row, original in zip(copies.rows[listed], copies.originals)
    }
    for path, original in originals.items():
        report.add_copy(path, f'identical to {original}')
    conflicts = [
        (second.path(row), classes[here], classes[there])
        for row, (here, there) in zip(copies.conflicts[listed], copies.classes)
    ]
    for path, here, there in conflicts:
        also = f', identical to {originals[path]}' if path in originals else ''
        report.copies.pop(path, None)
        report.add_copy(path, f'class {here}, elsewhere {there}{also}')
    if originals:
        others = 'others of this part' if own else f'those of {first_name}'
        example, original = next(iter(originals.items()))
        report.findings.append(
            f'{len(copies.rows):,} images are identical to {others}, byte for '
            f'byte, such as {example} and {original}.'
        )
    if conflicts:
        path, here, there = conflicts[0]
        where = 'in this part' if own else f'in {first_name}'
        report.findings.append(
            f'{len(copies.conflicts):,} faces have another class {where} for '
            f'the same image, such as {path} ({here}, {there}).'
        )
