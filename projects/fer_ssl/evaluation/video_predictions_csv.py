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
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from ..labels import IGNORE_LABEL
from ..utils.files import whole_file
from .prediction_rows import (
    CLASS_COLUMNS,
    END,
    cells_of,
    check_cells,
    check_end,
    header_of,
    parse_header,
    parse_scores,
    read_rows,
    refuse,
    score_cells,
    split_rows,
)
from .video_predictions import VideoPrediction, VideoPredictions

#: Columns before the truths and the scores.
FIRST_COLUMNS = ('video', 'frame', 'face')


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
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(header_of(FIRST_COLUMNS, classes, True in forms))
        for video in predictions:
            writer.writerows(_rows(video, classes))
        file.write(END)


def _has_targets(video: VideoPrediction) -> bool:
    return video.labels is not None and video.labels.ndim == 2


def _rows(video: VideoPrediction, classes: Sequence[str]) -> Iterator[tuple]:
    labels = video.labels
    if labels is None:
        labels = np.full(video.num_frames, IGNORE_LABEL)
    for frame, face, cells in zip(
        range(1, video.num_frames + 1),
        video.has_face.tolist(),
        score_cells(video.scores, labels, classes),
    ):
        yield (video.name, frame, int(face), *cells)


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
    lines, rows = read_rows(path)
    header = cells_of(rows[0]) if rows else []
    classes, has_targets = parse_header(path, header, FIRST_COLUMNS)
    num_text = len(FIRST_COLUMNS)
    if not has_targets:
        num_text += len(CLASS_COLUMNS)
    names = ['', *(_name(row) for row in rows[1:])]
    videos = {}
    for name, group in groupby(range(1, len(rows)), names.__getitem__):
        block = list(group)
        block = slice(block[0], block[-1] + 1)
        cells = split_rows(
            path, lines[block], rows[block], len(header), num_text
        )
        if name in videos:
            refuse(
                path,
                lines[block][0],
                f'video {name} continues here, but its rows must be '
                'contiguous.',
            )
        videos[name] = _parse_video(path, name, lines[block], cells, classes)
    check_end(path, lines[-1])
    return VideoPredictions(videos.values(), classes)


def _name(row: str | list[str]) -> str:
    if isinstance(row, str):
        return row.partition(',')[0]
    return row[0] if row else ''


def _parse_video(
    path: str,
    name: str,
    lines: Sequence[int],
    cells: Sequence[Sequence[str]],
    classes: Sequence[str],
) -> VideoPrediction:
    """Parse the columns of one video that :func:`split_rows` returned."""
    _, frame, face, *names, numbers = cells
    expected = list(map(str, range(1, len(lines) + 1)))
    if list(frame) != expected:
        i = next(i for i, x in enumerate(frame) if x != expected[i])
        refuse(
            path,
            lines[i],
            f'frame is {frame[i]!r} where {expected[i]} is expected: every '
            'frame needs a row, from 1 on, in order.',
        )
    check_cells(path, lines, face, ('0', '1'), 'face must be 0 or 1, got {}.')
    has_face = np.array(face) == '1'
    scores, labels = parse_scores(path, lines, names, numbers, classes)
    if labels.ndim == 1 and (labels == IGNORE_LABEL).all():
        labels = None
    return VideoPrediction(name, scores, labels=labels, has_face=has_face)
