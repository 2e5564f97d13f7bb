"""The annotation files of Aff-Wild2: one text per video, a line per frame.

Line 1 names the columns and line k + 1 is frame k, so a line too many or too
few would move every later label to another frame. Nothing is skipped here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Callable

import numpy as np

from ..labels import ABAW_TRACKS, IGNORE_LABEL, IGNORE_VALENCE_AROUSAL
from .text_rows import read_lines

#: Plain decimal number; float() also takes 'nan', '1_0' and other scripts.
is_number = re.compile(
    r'[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?', re.ASCII
).fullmatch

_EXPRESSIONS = {
    str(label): label
    for label in range(IGNORE_LABEL, len(ABAW_TRACKS['EXPR']))
}
_ACTIVATIONS = {'-1': IGNORE_LABEL, '0': 0, '1': 1}


def read_annotation(path: str, track: str) -> np.ndarray:
    """Labels of all T frames of one video.

    Args:
        path: ``<video>.txt`` of ``EXPR_Recognition_Challenge``,
            ``VA_Estimation_Challenge`` or ``AU_Detection_Challenge``.
        track: ``'EXPR'``, ``'VA'`` or ``'AU'``.

    Returns:
        ``'EXPR'``: class index of ABAW, int64 (T,), -1 = not annotated.
        ``'VA'``: valence and arousal in [-1, 1], float32 (T, 2), -5 = not
        annotated. ``'AU'``: 0 or 1 of each action unit, int64 (T, 12), -1 =
        not annotated.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Content is wrong; the message names file and line.
    """
    header, *lines = read_lines(path) or ['']
    names = [name.strip().lower() for name in header.split(',')]
    expected = [name.lower() for name in ABAW_TRACKS[track]]
    if names != expected:
        raise ValueError(
            f'{path}:1: {header!r:.80} is not the header of an {track} '
            f'annotation, {",".join(expected)!r} in upper or lower case.'
        )
    if not lines:
        raise ValueError(f'{path}:2: the annotation of frame 1 is missing.')
    parse = _PARSERS[track]
    labels = {}
    # Few lines are distinct: each is parsed once, at its first occurrence.
    for line in dict.fromkeys(lines):
        try:
            labels[line] = parse(line)
        except ValueError as error:
            number = lines.index(line) + 2
            raise ValueError(f'{path}:{number}: {error}') from None
    dtype = np.float32 if track == 'VA' else np.int64
    return np.array([labels[line] for line in lines], dtype=dtype)


def _parse_expression(line: str) -> int:
    label = _EXPRESSIONS.get(line.strip(' \t'))
    if label is None:
        raise ValueError(
            f'{line!r:.80} is no expression: -1 (not annotated) or 0 to '
            f'{max(_EXPRESSIONS.values())}.'
        )
    return label


@lru_cache(maxsize=2**16)  # numbers of few digits: they come back
def _valence_or_arousal(cell: str) -> float | None:
    """Number of a cell, None if it is not one that may stand there."""
    cell = cell.strip(' \t')
    value = float(cell) if is_number(cell) else np.nan
    allowed = -1 <= value <= 1 or value == IGNORE_VALENCE_AROUSAL
    return value if allowed else None


def _parse_valence_arousal(line: str) -> list[float]:
    values = [_valence_or_arousal(cell) for cell in line.split(',')]
    if len(values) != 2 or None in values:
        raise ValueError(
            f'{line!r:.80} is no valence,arousal: two numbers from -1 to 1, '
            'or -5 (not annotated).'
        )
    return values


def _parse_action_units(line: str) -> list[int]:
    values = [_ACTIVATIONS.get(cell.strip(' \t')) for cell in line.split(',')]
    if len(values) != len(ABAW_TRACKS['AU']) or None in values:
        raise ValueError(
            f'{line!r:.80} is no row of action units: '
            f'{len(ABAW_TRACKS["AU"])} times 0, 1 or -1 (not annotated).'
        )
    return values


_PARSERS: dict[str, Callable] = {
    'EXPR': _parse_expression,
    'VA': _parse_valence_arousal,
    'AU': _parse_action_units,
}


def ignore_label(labels: np.ndarray) -> float:
    """What stands for 'not annotated' in labels of this form."""
    if np.issubdtype(labels.dtype, np.floating):
        return IGNORE_VALENCE_AROUSAL
    return IGNORE_LABEL


def is_annotated(labels: np.ndarray) -> np.ndarray:
    """Frames that something can be learned from, bool (T,).

    Of valence and arousal both must be annotated, of action units one.

    Args:
        labels: In one of the forms of :func:`read_annotation`.
    """
    known = labels != ignore_label(labels)
    if labels.ndim == 1:
        return known
    if np.issubdtype(labels.dtype, np.floating):
        return known.all(axis=1)
    return known.any(axis=1)


def ignored_labels(track: str, num_frames: int) -> np.ndarray:
    """Labels of a video that is not annotated, as one of a test set."""
    if track == 'EXPR':
        return np.full(num_frames, IGNORE_LABEL, dtype=np.int64)
    shape = num_frames, len(ABAW_TRACKS[track])
    if track == 'VA':
        return np.full(shape, IGNORE_VALENCE_AROUSAL, dtype=np.float32)
    return np.full(shape, IGNORE_LABEL, dtype=np.int64)
