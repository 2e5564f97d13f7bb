"""The annotation files of Aff-Wild2: a text file per video, a line per frame.

Line 1 names the columns and line k + 1 is frame k, so a missing or extra line
would assign every later label to the wrong frame. Nothing is skipped here.
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
    """Read the labels of all T frames of one video.

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
        ValueError: The content is invalid; the message names file and line.
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
    parse = PARSERS[track]
    labels = {}
    # Few lines are distinct, so each is parsed only once.
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
            f'{line!r:.80} is not an expression: -1 (not annotated) or 0 to '
            f'{max(_EXPRESSIONS.values())}.'
        )
    return label


@lru_cache(maxsize=2**16)  # numbers have few digits and recur
def valence_or_arousal(cell: str) -> float | None:
    """Parse valence or arousal; None if it is not an allowed number."""
    cell = cell.strip(' \t')
    value = float(cell) if is_number(cell) else np.nan
    allowed = -1 <= value <= 1 or value == IGNORE_VALENCE_AROUSAL
    return value if allowed else None


def action_unit(cell: str, active_from: float) -> int | None:
    """Return whether an intensity is active; None if it is not a number.

    Args:
        cell: Number >= 0, or -1 (not annotated).
        active_from: Minimum intensity that is active.
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
            f'{line!r:.80} is not valence,arousal: two numbers from -1 to 1, '
            'or -5 (not annotated).'
        )
    return values


def _parse_action_units(line: str) -> list[int]:
    values = [_ACTIVATIONS.get(cell.strip(' \t')) for cell in line.split(',')]
    if len(values) != len(ABAW_TRACKS['AU']) or None in values:
        raise ValueError(
            f'{line!r:.80} is not a row of action units: '
            f'{len(ABAW_TRACKS["AU"])} times 0, 1 or -1 (not annotated).'
        )
    return values


#: Function of each track that parses the label of one frame; it raises a
#: ValueError that describes a wrong one.
PARSERS: dict[str, Callable] = {
    'EXPR': _parse_expression,
    'VA': _parse_valence_arousal,
    'AU': _parse_action_units,
}


def label_dtype(tracks: str | Sequence[str]) -> np.dtype:
    """Return the dtype of the labels of one frame.

    Args:
        tracks: One track or several. Labels of several tracks are one
            structured array with a field per track, ``labels['VA']``.
    """
    if not isinstance(tracks, str):
        return np.dtype([(track, label_dtype(track)) for track in tracks])
    number = np.float32 if tracks == 'VA' else np.int64
    size = () if tracks == 'EXPR' else (len(ABAW_TRACKS[tracks]),)
    return np.dtype((number, size))


def label_columns(tracks: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a prediction's columns, over all tracks."""
    if isinstance(tracks, str):
        return ABAW_TRACKS[tracks]
    return tuple(name for track in tracks for name in ABAW_TRACKS[track])


def check_tracks(
    tracks: str | Sequence[str], option: str
) -> str | tuple[str, ...]:
    """Return one track unchanged, and several as a tuple.

    Args:
        tracks: Value of an option.
        option: Name of the option, for the message.

    Raises:
        ValueError: One of them is not a track, or is given twice.
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
    """Return which frames can be used for training, bool (T,).

    A frame needs both valence and arousal, or at least one action unit. With
    several tracks, at least one of them must be annotated.

    Args:
        labels: Labels as returned by :func:`read_annotation`, or a structured
            array of them.
    """
    if labels.dtype.names:
        tracks = [is_annotated(labels[name]) for name in labels.dtype.names]
        return np.any(tracks, axis=0)
    if np.issubdtype(labels.dtype, np.floating):
        return (labels != IGNORE_VALENCE_AROUSAL).all(axis=1)
    known = labels != IGNORE_LABEL
    return known if labels.ndim == 1 else known.any(axis=1)


def ignored_labels(tracks: str | Sequence[str], num_frames: int) -> np.ndarray:
    """Return labels of a video without annotation, as in a test set."""
    return ignored_like(np.empty(0, label_dtype(tracks)), num_frames)


def ignored_like(labels: np.ndarray, num_frames: int) -> np.ndarray:
    """Return labels of frames without annotation, in form like ``labels``."""
    ignored = np.empty((num_frames, *labels.shape[1:]), labels.dtype)
    for part in (
        [ignored[name] for name in labels.dtype.names]
        if labels.dtype.names
        else [ignored]
    ):
        is_float = np.issubdtype(part.dtype, np.floating)
        part[...] = IGNORE_VALENCE_AROUSAL if is_float else IGNORE_LABEL
    return ignored
