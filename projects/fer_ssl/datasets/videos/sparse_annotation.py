"""The annotation of s-Aff-Wild2: a text file per split, a line per frame.

::

    image,valence,arousal,expression,aus
    video5_left/00013.jpg,0.25,-0.1,4,0,0,1,0,0,0,1,0,0,0,1,-1

A line has 16 fields: the frame, valence and arousal, the expression, and
twelve action units, in the order of ABAW. The numbers of the frames are those
in the video, of which only some are listed. -5 (valence, arousal) and -1
(expression, action units) mean not annotated; nothing else is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...labels import ABAW_TRACKS
from ...utils.text_rows import read_lines
from .abaw_annotation import PARSERS, ignored_labels, label_dtype
from .submission_frames import MULTI_TASK_HEADER, parse_frames

_FIELDS = {
    'VA': slice(1, 3),
    'EXPR': slice(3, 4),
    'AU': slice(4, 4 + len(ABAW_TRACKS['AU'])),
}
_NUM_FIELDS = _FIELDS['AU'].stop


def read_sparse_annotation(
    path: str, tasks: str | Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Read the labels of the listed frames.

    Args:
        path: ``train_set.txt`` or ``validation_set.txt``.
        tasks: ``'VA'``, ``'EXPR'`` or ``'AU'``, or several of them.

    Returns:
        Labels of frames 1 to T of each video, in the forms of
        :func:`.abaw_annotation.read_annotation`, where T is the last listed
        frame; labels of frames that are not listed are not annotated. And the
        numbers of the listed frames, from 1 and ascending, int64 (n,). Both
        by name of the video, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The content is invalid; the message names file and line.
    """
    lines = read_lines(path) or ['']
    header = ','.join(cell.strip() for cell in lines[0].split(','))
    if header.lower() != MULTI_TASK_HEADER:
        raise ValueError(
            f'{path}:1: {lines[0]!r:.80} is not the header of a multi-task '
            f'annotation, {MULTI_TASK_HEADER!r}.'
        )
    frames = parse_frames(path, lines)
    names = (tasks,) if isinstance(tasks, str) else tuple(tasks)
    parsed: dict[str, tuple] = {}  # many lines have the same labels
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        text = line.partition(',')[2]
        if text not in parsed:
            try:
                parsed[text] = _parse(line.split(','), names)
            except ValueError as error:
                raise ValueError(f'{path}:{number}: {error}') from None
        rows.append(parsed[text])
    values = [tuple(row) for row in rows]
    if isinstance(tasks, str):
        values = [row[0] for row in rows]
    listed = np.array(values, dtype=label_dtype(tasks).base)
    labels, numbers = {}, {}
    for name, chosen in zip(frames.videos, frames.order_by_video()):
        numbers[name] = frames.frame[chosen]
        labels[name] = ignored_labels(tasks, int(numbers[name][-1]))
        labels[name][numbers[name] - 1] = listed[chosen]
    return labels, numbers


def _parse(cells: list[str], tasks: Sequence[str]) -> tuple:
    """Parse the labels of one line; all of them are checked.

    Raises:
        ValueError: One of them is invalid.
    """
    if len(cells) != _NUM_FIELDS:
        raise ValueError(
            f'{len(cells)} fields, but a frame has {_NUM_FIELDS}: '
            f'{MULTI_TASK_HEADER}, with {len(ABAW_TRACKS["AU"])} action units.'
        )
    labels = {
        task: PARSERS[task](','.join(cells[fields]))
        for task, fields in _FIELDS.items()
    }
    return tuple(labels[task] for task in tasks)
