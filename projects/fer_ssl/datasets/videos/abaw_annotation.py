"""The annotation files of Aff-Wild2: one text per video, a line per frame.

Line 1 names the columns and line k + 1 is frame k, so a line too many or too
few would move every later label to another frame. Nothing is skipped here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Callable

import numpy as np

from ...labels import ABAW_TRACKS, IGNORE_LABEL, IGNORE_VALENCE_AROUSAL
from ...utils.text_rows import read_lines

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
    # A column is a dimension here, a shape of the type there.
    base = label_dtype(track).base
    return np.array([labels[line] for line in lines], dtype=base)


def _parse_expression(line: str) -> int:
    label = _EXPRESSIONS.get(line.strip(' \t'))
    if label is None:
        raise ValueError(
            f'{line!r:.80} is no expression: -1 (not annotated) or 0 to '
            f'{max(_EXPRESSIONS.values())}.'
        )
    return label


@lru_cache(maxsize=2**16)  # numbers of few digits: they come back
def valence_or_arousal(cell: str) -> float | None:
    """Number of a cell, None if it is not one that may stand there."""
    cell = cell.strip(' \t')
    value = float(cell) if is_number(cell) else np.nan
    allowed = -1 <= value <= 1 or value == IGNORE_VALENCE_AROUSAL
    return value if allowed else None


def action_unit(cell: str, active_from: float) -> int | None:
    """Whether an intensity is active; None if it is not one.

    Args:
        cell: Number from 0 on, or -1 (not annotated).
        active_from: Least intensity that is active.
    """
    cell = cell.strip(' \t')
    value = float(cell) if is_number(cell) else np.nan
    if value == IGNORE_LABEL:
        return IGNORE_LABEL
    return int(value >= active_from) if value >= 0 else None


def _parse_valence_arousal(line: str) -> list[float]:
    values = [valence_or_arousal(cell) for cell in line.split(',')]
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


def label_dtype(tracks: str | Sequence[str]) -> np.dtype:
    """Type of the labels of one frame.

    Args:
        tracks: One track, or several: labels of several tracks are one array
            of records with a field per track, ``labels['VA']``.
    """
    if not isinstance(tracks, str):
        return np.dtype([(track, label_dtype(track)) for track in tracks])
    number = np.float32 if tracks == 'VA' else np.int64
    size = () if tracks == 'EXPR' else (len(ABAW_TRACKS[tracks]),)
    return np.dtype((number, size))


def label_columns(tracks: str | Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of a prediction, those of all tracks in a row."""
    if isinstance(tracks, str):
        return ABAW_TRACKS[tracks]
    return tuple(name for track in tracks for name in ABAW_TRACKS[track])


def check_tracks(
    tracks: str | Sequence[str], option: str
) -> str | tuple[str, ...]:
    """One track as it is, several as a tuple.

    Args:
        tracks: Value of an option.
        option: Its name, for the message.

    Raises:
        ValueError: One of them is none, or there twice.
    """
    names = (tracks,) if isinstance(tracks, str) else tuple(tracks)
    known = set(names) <= set(ABAW_TRACKS)
    if not names or not known or len(set(names)) < len(names):
        raise ValueError(
            f'{option}={tracks!r} is none of {", ".join(ABAW_TRACKS)}, nor '
            'several of them, each once.'
        )
    return tracks if isinstance(tracks, str) else names


def is_annotated(labels: np.ndarray) -> np.ndarray:
    """Frames that something can be learned from, bool (T,).

    Of valence and arousal both must be annotated, of action units one, of
    several tracks one.

    Args:
        labels: In one of the forms of :func:`read_annotation`, or records of
            them.
    """
    if labels.dtype.names:
        tracks = [is_annotated(labels[name]) for name in labels.dtype.names]
        return np.any(tracks, axis=0)
    if np.issubdtype(labels.dtype, np.floating):
        return (labels != IGNORE_VALENCE_AROUSAL).all(axis=1)
    known = labels != IGNORE_LABEL
    return known if labels.ndim == 1 else known.any(axis=1)


def ignored_labels(tracks: str | Sequence[str], num_frames: int) -> np.ndarray:
    """Labels of a video that is not annotated, as one of a test set."""
    return ignored_like(np.empty(0, label_dtype(tracks)), num_frames)


def ignored_like(labels: np.ndarray, num_frames: int) -> np.ndarray:
    """Labels of frames that are not annotated, of the form of ``labels``."""
    ignored = np.empty((num_frames, *labels.shape[1:]), labels.dtype)
    for part in (
        [ignored[name] for name in labels.dtype.names]
        if labels.dtype.names
        else [ignored]
    ):
        is_float = np.issubdtype(part.dtype, np.floating)
        part[...] = IGNORE_VALENCE_AROUSAL if is_float else IGNORE_LABEL
    return ignored
