"""CSV format of VideoPredictions.

One row per frame of every video, frames ascending without gaps. For classes::

    video,frame,face,label,truth,neutral,anger,...
    a,1,1,neutral,neutral,0.75,0.25,...
    a,2,0,neutral,,0.5,0.5,...

``frame`` counts from 1, ``face`` is 1 where a face was found, ``label`` is
the predicted class, ``truth`` is empty where the frame is not annotated, and
each class has a column of probabilities named after it. With one target per
column (valence and arousal, action units)::

    video,frame,face,truth_valence,truth_arousal,valence,arousal
    a,1,1,0.3,-0.1,0.25,0.05
    a,2,0,-5,-5,0.3,0.1

the truth of each target is a number, -5 or -1 where not annotated.

An empty line at the end marks a complete file: a truncated one is refused.
Spreadsheets, pandas and ``csv.DictReader`` skip the line.
"""

from __future__ import annotations

import contextlib
import csv
import gc
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NoReturn

import numpy as np

from ..labels import IGNORE_LABEL
from ..utils.files import whole_file
from ..utils.text_rows import csv_rows, read_lines
from .video_predictions import VideoPrediction, VideoPredictions

COLUMNS = ('video', 'frame', 'face', 'label', 'truth')
#: Marks the end of a complete file.
END = '\n'
#: Columns before the truths and the scores of targets.
TARGET_COLUMNS = COLUMNS[:3]


def write_video_predictions(predictions: VideoPredictions, path: str) -> None:
    """Write predictions to a CSV file; missing folders are created.

    Raises:
        ValueError: If some videos have one target per column and others do
            not.
    """
    classes = predictions.classes
    forms = {_has_targets(video) for video in predictions}
    if len(forms) > 1:
        raise ValueError(
            f'{path}: videos with one target per column cannot be in one '
            'file with others.'
        )
    if True in forms:
        header = _target_header(classes)
        rows_of = _target_rows
    else:
        header = (*COLUMNS, *classes)
        rows_of = _class_rows
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header)
        for video in predictions:
            writer.writerows(rows_of(video, classes))
        file.write(END)


def _has_targets(video: VideoPrediction) -> bool:
    return video.labels is not None and video.labels.ndim == 2


def _class_rows(video: VideoPrediction, classes: Sequence[str]):
    labels = video.labels
    if labels is None:
        labels = np.full(video.num_frames, IGNORE_LABEL)
    names = (*classes, '')  # index -1 = not annotated
    for frame, face, label, truth, row in zip(
        range(1, video.num_frames + 1),
        video.has_face.tolist(),
        video.predicted.tolist(),
        labels.tolist(),
        _number_cells(video.scores),
    ):
        yield (video.name, frame, int(face), names[label], names[truth], *row)


def _target_rows(video: VideoPrediction, classes: Sequence[str]):
    for frame, face, truth, row in zip(
        range(1, video.num_frames + 1),
        video.has_face.tolist(),
        _number_cells(video.labels),
        _number_cells(video.scores),
    ):
        yield (video.name, frame, int(face), *truth, *row)


def _number_cells(values: np.ndarray):
    """Format rows of cells; 9 significant digits restore float32 exactly."""
    row_format = ','.join(['%.9g'] * values.shape[1])
    text = '\n'.join([row_format] * len(values))
    lines = (text % tuple(values.ravel().tolist())).split('\n')
    return (line.split(',') for line in lines)


def read_video_predictions(path: str) -> VideoPredictions:
    """Read a CSV file of predictions.

    A video without any annotated frame gets ``labels=None``, unless it has one
    target per column.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the content is wrong; the message names file and line.
    """
    with _no_garbage_collection():
        return _read(path)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause the garbage collector.

    Reading creates millions of small objects without reference cycles, and
    the search for cycles would take longer than the reading.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(path: str) -> VideoPredictions:
    lines, rows = _rows(path)
    header = _cells(rows[0]) if rows else []
    classes, has_targets = _parse_header(path, header)
    num_text = len(TARGET_COLUMNS if has_targets else COLUMNS)
    names = ['', *(_name(row) for row in rows[1:])]
    videos = {}
    for name, group in groupby(range(1, len(rows)), names.__getitem__):
        block = list(group)
        block = slice(block[0], block[-1] + 1)
        cells = _split(path, lines[block], rows[block], len(header), num_text)
        if name in videos:
            _refuse(
                path,
                lines[block][0],
                f'video {name} continues here, but its rows must be '
                'contiguous.',
            )
        videos[name] = _parse_video(
            path, name, lines[block], cells, classes, has_targets
        )
    _check_end(path, lines[-1])
    return VideoPredictions(videos.values(), classes)


def _check_end(path: str, last_line: int) -> None:
    """Refuse a truncated file, even one that ends with a complete row."""
    with open(path, 'rb') as file:
        file.seek(-min(4, os.path.getsize(path)), os.SEEK_END)
        end = file.read()
    if not end.replace(b'\r\n', b'\n').endswith(b'\n\n'):
        _refuse(
            path,
            last_line,
            'the file ends without the empty line that marks a complete file '
            'of predictions: it was truncated, or written by another program '
            'or an earlier version. Write it again, or, if it is known to be '
            'complete, add an empty line at its end.',
        )


def _rows(path: str) -> tuple[Sequence[int], list]:
    """Return the line number of each row, and the rows as lists of cells.

    If the file has no quotes, rows are left as unsplit strings, for speed.
    """
    rows = read_lines(path)
    if any('"' in row for row in rows):
        numbered = list(csv_rows(path))
        return [line for line, _ in numbered], [row for _, row in numbered]
    return range(1, len(rows) + 1), rows


def _cells(row: str | list[str]) -> list[str]:
    if isinstance(row, str):
        return row.split(',') if row else []
    return row


def _name(row: str | list[str]) -> str:
    if isinstance(row, str):
        return row.partition(',')[0]
    return row[0] if row else ''


def _split(
    path: str,
    lines: Sequence[int],
    rows: list,
    width: int,
    num_text: int,
) -> list[Sequence[str]]:
    """Split the rows of one video into columns of text.

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
            _refuse(path, line, f'{found} cells, but the header has {width}.')
    if is_text:
        rows = [row.split(',', num_text) for row in rows]
    else:
        rows = [[*row[:num_text], ','.join(row[num_text:])] for row in rows]
    return list(zip(*rows))


def _parse_header(
    path: str, header: Sequence[str]
) -> tuple[tuple[str, ...], bool]:
    """Return the names of the scores, and whether each has its own truth."""
    classes = tuple(header[len(COLUMNS) :])
    has_targets = tuple(header[: len(COLUMNS)]) != COLUMNS
    if has_targets:
        classes = tuple(header[(len(header) + len(TARGET_COLUMNS)) // 2 :])
        if tuple(header) != _target_header(classes):
            classes = ()
    if len(classes) < 2:
        _refuse(
            path,
            1,
            f'the header must be {",".join(COLUMNS)} and then one column per '
            f'class, or {",".join(TARGET_COLUMNS)} and then truth_<name> of '
            f'each target and <name> of each; it is {",".join(header)!r}.',
        )
    if len(set(classes)) != len(classes):
        _refuse(path, 1, 'two columns have the same name.')
    return classes, has_targets


def _target_header(names: Sequence[str]) -> tuple[str, ...]:
    return (*TARGET_COLUMNS, *(f'truth_{name}' for name in names), *names)


def _parse_video(
    path: str,
    name: str,
    lines: Sequence[int],
    cells: Sequence[Sequence[str]],
    classes: Sequence[str],
    has_targets: bool,
) -> VideoPrediction:
    """Parse the columns of one video that :func:`_split` returned."""
    _, frame, face, *names, numbers = cells
    expected = list(map(str, range(1, len(lines) + 1)))
    if list(frame) != expected:
        i = next(i for i, x in enumerate(frame) if x != expected[i])
        _refuse(
            path,
            lines[i],
            f'frame is {frame[i]!r} where {expected[i]} is expected: every '
            'frame needs a row, from 1 on, in order.',
        )
    _check_cells(path, lines, face, ('0', '1'), 'face must be 0 or 1, got {}.')
    has_face = np.array(face) == '1'
    num_numbers = len(classes) * (1 + has_targets)
    numbers = _numbers(path, lines, numbers, num_numbers)
    scores = numbers[:, -len(classes) :]
    if has_targets:
        truth = numbers[:, : len(classes)]
        return VideoPrediction(name, scores, labels=truth, has_face=has_face)
    label, truth = names
    _check_cells(path, lines, label, classes, 'label {} is not a column.')
    _check_cells(
        path, lines, truth, ('', *classes), 'truth {} is not a column.'
    )
    index = {class_name: i for i, class_name in enumerate(classes)}
    predicted = np.array([index[cell] for cell in label])
    wrong = predicted != scores.argmax(axis=1)
    if wrong.any():
        i = int(np.argmax(wrong))
        _refuse(
            path,
            lines[i],
            f'label {label[i]!r} is not the class with the largest score.',
        )
    labels = None
    if any(truth):
        labels = np.array([index.get(cell, IGNORE_LABEL) for cell in truth])
    return VideoPrediction(name, scores, labels=labels, has_face=has_face)


def _check_cells(
    path: str,
    lines: Sequence[int],
    cells: Sequence[str],
    allowed: Sequence[str],
    problem: str,
) -> None:
    if set(cells) <= set(allowed):
        return
    for line, cell in zip(lines, cells):
        if cell not in allowed:
            _refuse(path, line, problem.format(repr(cell)))


def _numbers(
    path: str, lines: Sequence[int], rows: Sequence[str], width: int
) -> np.ndarray:
    """Parse T rows of ``width`` finite numbers each, float32 (T, width)."""
    values = _load(rows, width)
    if values is None:
        for line, row in zip(lines, rows):
            if _load([row], width) is None:
                _refuse(path, line, f'not all scores are numbers: {row}.')
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        _refuse(path, lines[int(np.argmin(finite))], 'a score is not finite.')
    return values


def _load(rows: Sequence[str], width: int) -> np.ndarray | None:
    try:
        values = np.loadtxt(
            rows, np.float32, comments=None, delimiter=',', ndmin=2
        )
    except ValueError:
        return None
    return values if values.shape == (len(rows), width) else None


def _refuse(path: str, line: int, problem: str) -> NoReturn:
    raise ValueError(f'{path}:{line}: {problem}')
