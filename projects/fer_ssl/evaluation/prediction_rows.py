"""Rows of CSV files of predictions of frames or images.

The first columns say which frame or image it is, for example ``image``. For
classes, ``label``, ``truth`` and one column of probabilities per class follow;
for targets, ``truth_<name>`` of each target and ``<name>`` of each.

An empty line at the end marks a complete file: a truncated one is refused.
Spreadsheets, pandas and ``csv.DictReader`` skip the line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NoReturn

import numpy as np

from ..labels import IGNORE_LABEL
from ..utils.text_rows import csv_rows, read_lines

#: Columns of the predicted and the true class.
CLASS_COLUMNS = ('label', 'truth')
#: Marks the end of a complete file.
END = '\n'
_BLOCK = 10_000  # rows that are formatted at a time


def header_of(
    first: Sequence[str], classes: Sequence[str], has_targets: bool
) -> tuple[str, ...]:
    """Return the names of the columns.

    Args:
        first: Names of the first columns.
        classes: Names of the scores.
        has_targets: Whether each score has its own truth.
    """
    if has_targets:
        return (*first, *(f'truth_{name}' for name in classes), *classes)
    return (*first, *CLASS_COLUMNS, *classes)


def score_cells(
    scores: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> Iterator[tuple]:
    """Format the cells that follow the first columns.

    Args:
        scores: Scores, float32 (N, C).
        labels: Truth, int (N,), -1 = not annotated, or float32 (N, C).
        classes: Names of the scores.
    """
    if labels.ndim == 2:
        for truth, row in zip(_number_cells(labels), _number_cells(scores)):
            yield (*truth, *row)
        return
    names = (*classes, '')  # index -1 = not annotated
    predicted = scores.argmax(axis=1).tolist()
    for label, truth, row in zip(
        predicted, labels.tolist(), _number_cells(scores)
    ):
        yield (names[label], names[truth], *row)


def _number_cells(values: np.ndarray) -> Iterator[list[str]]:
    """Format rows of cells; 9 significant digits restore float32 exactly."""
    row_format = ','.join(['%.9g'] * values.shape[1])
    # The text of a million rows at once would take a gigabyte.
    for first in range(0, len(values), _BLOCK):
        block = values[first : first + _BLOCK]
        text = '\n'.join([row_format] * len(block))
        for line in (text % tuple(block.ravel().tolist())).split('\n'):
            yield line.split(',')


def read_rows(path: str) -> tuple[Sequence[int], list]:
    """Return the line number of each row, and the rows as lists of cells.

    If the file has no quotes, rows are left as unsplit strings, for speed.
    """
    rows = read_lines(path)
    if any('"' in row for row in rows):
        numbered = list(csv_rows(path))
        return [line for line, _ in numbered], [row for _, row in numbered]
    return range(1, len(rows) + 1), rows


def cells_of(row: str | list[str]) -> list[str]:
    """Return the cells of a row of :func:`read_rows`."""
    if isinstance(row, str):
        return row.split(',') if row else []
    return row


def split_rows(
    path: str,
    lines: Sequence[int],
    rows: list,
    width: int,
    num_text: int,
) -> list[Sequence[str]]:
    """Split rows into columns of text.

    The last column holds all numbers of a row, still joined by commas.

    Args:
        path: The file, for messages.
        lines: Line number of each row.
        rows: The rows.
        width: Number of cells of each row.
        num_text: Number of cells that are text, at the start of the row.
    """
    is_text = isinstance(rows[0], str)
    for line, row in zip(lines, rows):
        found = row.count(',') + bool(row) if is_text else len(row)
        if found != width:
            refuse(path, line, f'{found} cells, but the header has {width}.')
    if is_text:
        rows = [row.split(',', num_text) for row in rows]
    else:
        rows = [[*row[:num_text], ','.join(row[num_text:])] for row in rows]
    return list(zip(*rows))


def parse_header(
    path: str, header: Sequence[str], first: Sequence[str]
) -> tuple[tuple[str, ...], bool]:
    """Return the names of the scores, and whether each has its own truth.

    Args:
        path: The file, for messages.
        header: Cells of the first row.
        first: Names that the first columns must have.
    """
    header, columns = tuple(header), (*first, *CLASS_COLUMNS)
    classes = header[len(columns) :]
    has_targets = header[: len(columns)] != columns
    if has_targets:
        classes = header[(len(header) + len(first)) // 2 :]
        if header != header_of(first, classes, has_targets):
            classes = ()
    if len(classes) < 2:
        refuse(
            path,
            1,
            f'the header must be {",".join(columns)} and then one column per '
            f'class, or {",".join(first)} and then truth_<name> of '
            f'each target and <name> of each; it is {",".join(header)!r}.',
        )
    if len(set(classes)) != len(classes):
        refuse(path, 1, 'two columns have the same name.')
    return classes, has_targets


def parse_scores(
    path: str,
    lines: Sequence[int],
    names: Sequence[Sequence[str]],
    numbers: Sequence[str],
    classes: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Parse the columns of N rows that follow the first ones.

    Args:
        path: The file, for messages.
        lines: Line number of each row.
        names: The columns ``label`` and ``truth``; none for targets.
        numbers: All numbers of each row, see :func:`split_rows`.
        classes: Names of the C scores.

    Returns:
        Scores, float32 (N, C), and labels, int64 (N,), -1 = not annotated, or
        float32 (N, C).
    """
    num_numbers = len(classes) * (1 if names else 2)
    values = _parse_numbers(path, lines, numbers, num_numbers)
    scores = values[:, -len(classes) :]
    if not names:
        return scores, values[:, : len(classes)]
    label, truth = names
    check_cells(path, lines, label, classes, 'label {} is not a column.')
    check_cells(
        path, lines, truth, ('', *classes), 'truth {} is not a column.'
    )
    index = {class_name: i for i, class_name in enumerate(classes)}
    predicted = np.array([index[cell] for cell in label])
    wrong = predicted != scores.argmax(axis=1)
    if wrong.any():
        i = int(np.argmax(wrong))
        refuse(
            path,
            lines[i],
            f'label {label[i]!r} is not the class with the largest score.',
        )
    labels = np.array([index.get(cell, IGNORE_LABEL) for cell in truth])
    return scores, labels


def check_end(path: str, last_line: int) -> None:
    """Refuse a truncated file, even one that ends with a complete row."""
    with open(path, 'rb') as file:
        file.seek(-min(4, os.path.getsize(path)), os.SEEK_END)
        end = file.read()
    if not end.replace(b'\r\n', b'\n').endswith(b'\n\n'):
        refuse(
            path,
            last_line,
            'the file ends without the empty line that marks a complete file '
            'of predictions: it was truncated, or written by another program '
            'or an earlier version. Write it again, or, if it is known to be '
            'complete, add an empty line at its end.',
        )


def check_cells(
    path: str,
    lines: Sequence[int],
    cells: Sequence[str],
    allowed: Sequence[str],
    problem: str,
) -> None:
    """Refuse the first cell that is not allowed; ``{}`` is its place."""
    if set(cells) <= set(allowed):
        return
    for line, cell in zip(lines, cells):
        if cell not in allowed:
            refuse(path, line, problem.format(repr(cell)))


def _parse_numbers(
    path: str, lines: Sequence[int], rows: Sequence[str], width: int
) -> np.ndarray:
    """Parse T rows of ``width`` finite numbers each, float32 (T, width)."""
    values = _load(rows, width)
    if values is None:
        for line, row in zip(lines, rows):
            if _load([row], width) is None:
                refuse(path, line, f'not all scores are numbers: {row}.')
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        refuse(path, lines[int(np.argmin(finite))], 'a score is not finite.')
    return values


def _load(rows: Sequence[str], width: int) -> np.ndarray | None:
    try:
        values = np.loadtxt(
            rows, np.float32, comments=None, delimiter=',', ndmin=2
        )
    except ValueError:
        return None
    return values if values.shape == (len(rows), width) else None


def refuse(path: str, line: int, problem: str) -> NoReturn:
    """Raise a ValueError that names file and line."""
    raise ValueError(f'{path}:{line}: {problem}')
