"""The CSV form of VideoPredictions.

One row per frame of every video, frames ascending without gaps::

    video,frame,face,label,truth,neutral,anger,...
    a,1,1,neutral,neutral,0.75,0.25,...
    a,2,0,neutral,,0.5,0.5,...

``frame`` counts from 1, ``face`` is 1 where a face was found, ``label`` is
the predicted class, ``truth`` is empty where the frame is not annotated, and
there is one column of probabilities per class, named after it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from itertools import groupby
from typing import NoReturn

import numpy as np

from ..labels import IGNORE_LABEL
from .video_predictions import VideoPrediction, VideoPredictions

COLUMNS = ('video', 'frame', 'face', 'label', 'truth')


def write_video_predictions(predictions: VideoPredictions, path: str) -> None:
    """Write ``predictions`` to the CSV file ``path``; folders are made."""
    classes = predictions.classes
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    # 9 significant digits bring back every float32 exactly
    row_format = ','.join(['%.9g'] * len(classes))
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow((*COLUMNS, *classes))
        for video in predictions:
            labels = video.labels
            if labels is None:
                labels = np.full(video.num_frames, IGNORE_LABEL)
            names = (*classes, '')  # index -1 = not annotated
            scores = '\n'.join([row_format] * video.num_frames) % tuple(
                video.scores.ravel().tolist()
            )
            writer.writerows(
                (
                    video.name,
                    frame,
                    int(face),
                    names[label],
                    names[truth],
                    *row,
                )
                for frame, face, label, truth, row in zip(
                    range(1, video.num_frames + 1),
                    video.has_face.tolist(),
                    video.predicted.tolist(),
                    labels.tolist(),
                    (line.split(',') for line in scores.split('\n')),
                )
            )


def read_video_predictions(path: str) -> VideoPredictions:
    """Read the CSV file ``path``.

    A video none of whose frames is annotated gets ``labels=None``.

    Raises:
        ValueError: If a row is malformed; the message names file and line.
    """
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.reader(file)
        header = next(reader, [])
        classes = tuple(header[len(COLUMNS) :])
        if tuple(header[: len(COLUMNS)]) != COLUMNS or len(classes) < 2:
            _refuse(
                path,
                1,
                f'the header must be {",".join(COLUMNS)} and then one column '
                f'per class, got {",".join(header)!r}',
            )
        if len(set(classes)) != len(classes):
            _refuse(path, 1, 'two columns have the same name')
        videos = {}
        numbered = ((reader.line_num, row) for row in reader)
        for name, group in groupby(numbered, lambda item: item[1][:1]):
            lines, rows = zip(*group)
            for line, row in zip(lines, rows):
                if len(row) != len(header):
                    _refuse(
                        path,
                        line,
                        f'{len(row)} cells, but the header has {len(header)}',
                    )
            name = name[0]
            if name in videos:
                _refuse(
                    path,
                    lines[0],
                    f'video {name} goes on here, but its rows must be in one '
                    'piece',
                )
            videos[name] = _parse_video(path, name, lines, rows, classes)
    return VideoPredictions(videos.values(), classes)


def _parse_video(
    path: str,
    name: str,
    lines: Sequence[int],
    rows: Sequence[Sequence[str]],
    classes: Sequence[str],
) -> VideoPrediction:
    """Rows of one video (all of the right length) -> VideoPrediction."""
    _, frame, face, label, truth = list(zip(*rows))[: len(COLUMNS)]
    index = {class_name: i for i, class_name in enumerate(classes)}
    for i, line in enumerate(lines):
        if frame[i] != str(i + 1):
            _refuse(
                path,
                line,
                f'frame is {frame[i]!r} where {i + 1} is due: every frame '
                'needs a row, from 1 on, in order',
            )
        if face[i] not in ('0', '1'):
            _refuse(path, line, f'face must be 0 or 1, got {face[i]!r}')
        if label[i] not in index:
            _refuse(path, line, f'label {label[i]!r} is no column')
        if truth[i] and truth[i] not in index:
            _refuse(path, line, f'truth {truth[i]!r} is no column')
    cells = [row[len(COLUMNS) :] for row in rows]
    try:
        scores = np.array(cells, dtype=np.float32)
    except ValueError:
        scores = _scores_by_row(path, lines, cells)
    finite = np.isfinite(scores).all(axis=1)
    if not finite.all():
        _refuse(path, lines[np.argmin(finite)], 'a score is not finite')
    predicted = np.array([index[cell] for cell in label])
    wrong = predicted != scores.argmax(axis=1)
    if wrong.any():
        i = int(np.argmax(wrong))
        _refuse(
            path,
            lines[i],
            f'label {label[i]!r} is not the class with the largest score',
        )
    labels = None
    if any(truth):
        labels = np.array([index.get(cell, IGNORE_LABEL) for cell in truth])
    return VideoPrediction(
        name, scores, labels=labels, has_face=np.array(face) == '1'
    )


def _scores_by_row(
    path: str, lines: Sequence[int], cells: Sequence[Sequence[str]]
) -> np.ndarray:
    """The slow way, to find the line of the cell that is no number."""
    for line, row in zip(lines, cells):
        try:
            np.array(row, dtype=np.float32)
        except ValueError:
            _refuse(path, line, f'not all scores are numbers: {row}')
    raise AssertionError('unreachable: some row was refused above')


def _refuse(path: str, line: int, problem: str) -> NoReturn:
    raise ValueError(f'{path}:{line}: {problem}')
