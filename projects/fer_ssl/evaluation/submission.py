"""Writing and checking of submissions to the ABAW challenges.

A submission has a row for every frame of every video of the test set, with or
without a face, in the order of the official example::

    image_location,Neutral,Anger,...,Other      one class index, 0 to 7
    image_location,valence,arousal              two numbers in [-1, 1]
    image_location,AU1,AU2,...,AU26             twelve values, 0 or 1

For the multi-task challenge on s-Aff-Wild2, it has a row for every frame of
the list of the test set, with the values of all three tasks in this order::

    image,valence,arousal,expression,aus        16 fields per row
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..datasets.videos.abaw_annotation import is_number
from ..datasets.videos.submission_frames import (
    HEADERS,
    MULTI_TASK,
    MULTI_TASK_ORDER,
    FrameList,
    track_of,
)
from ..labels import ABAW_TRACKS
from ..utils.files import write_text
from ..utils.text_rows import read_lines
from .video_predictions import VideoPredictions

_EXPRESSIONS = frozenset(map(str, range(len(ABAW_TRACKS['EXPR']))))
_SHOWN = 5


# ---------------------------------------------------------------- checking


@dataclass
class Problem:
    """Rows of a submission with the same kind of error.

    Attributes:
        kind: Kind of the error.
        count: Number of rows.
        examples: The first few rows, each with its line.
    """

    kind: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count one more row."""
        self.count += 1
        if self.count <= _SHOWN:
            self.examples.append(example)


@dataclass
class SubmissionReport:
    """Result of :func:`check_submission`.

    Attributes:
        path: The submission.
        num_rows: Number of its rows, without the header.
        num_expected: Number of rows that it must have; None if not known.
        problems: Errors found; empty for a valid submission.
        notes: Notes about what could not be checked.
    """

    path: str
    num_rows: int
    num_expected: int | None
    problems: list[Problem]
    notes: list[str]

    @property
    def is_valid(self) -> bool:
        return not self.problems

    def text(self) -> str:
        """Format the report for printing."""
        lines = [f'{self.path}: {self.num_rows:,} rows']
        if self.num_expected is not None:
            lines[0] += f', {self.num_expected:,} expected'
        for problem in self.problems:
            lines.append(f'{problem.kind}: {problem.count:,}')
            lines += [f'    {example}' for example in problem.examples]
            if problem.count > len(problem.examples):
                lines.append('    ...')
        lines += [f'note: {note}' for note in self.notes]
        lines.append('valid' if self.is_valid else 'NOT VALID')
        return '\n'.join(lines)


def check_submission(
    path: str, expected: FrameList, track: str | None = None
) -> SubmissionReport:
    """Compare a submission with the example file or with a list of videos.

    Any file gives a report. With a list of names alone, the numbers of frames
    are taken from the submission, whose frames must then count from 1 without
    gaps.

    Args:
        path: The submission.
        expected: The frames that it must contain.
        track: ``'EXPR'``, ``'VA'`` or ``'AU'``; not needed with an example.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ``expected`` is of another track, or ``track`` is
            missing.
    """
    track = track_of(expected, track)
    try:
        header, *lines = read_lines(path, 'utf-8') or ['']
    except ValueError as error:
        problem = Problem('unreadable', 1, [str(error)])
        return SubmissionReport(path, 0, len(expected), [problem], [])
    notes = []
    problems = _check_header(header, expected.header or HEADERS[track])
    locations, values = [], []
    for line in lines:
        location, _, value = line.partition(',')
        locations.append(location)
        values.append(value)
    problems += _check_values(values, track)
    if not expected.has_lengths:
        notes.append(
            f'{expected.path} has no numbers of frames: the ends of the '
            'videos are not checked.'
        )
        expected = _lengths_of(locations, expected)
    problems += _check_locations(locations, expected)
    return SubmissionReport(path, len(lines), len(expected), problems, notes)


def _check_header(header: str, expected: str) -> list[Problem]:
    if header == expected:
        return []
    shown = f'line 1: {header!r:.120} must be {expected!r}'
    return [Problem('wrong header', 1, [shown])]


def _check_values(values: Sequence[str], track: str) -> list[Problem]:
    """Find values that are malformed or out of range."""
    problems = Problem('malformed'), Problem('out of range')
    check = _VALUE_CHECKS[track]
    verdicts: dict[str, int | None] = {}
    for number, value in enumerate(values, start=2):
        if value in verdicts:
            verdict = verdicts[value]
        else:
            verdict = verdicts[value] = check(value)
        if verdict is not None:
            problems[verdict].add(f'line {number}: {value!r:.80}')
    return [problem for problem in problems if problem.count]


def _check_expression(value: str) -> int | None:
    if value in _EXPRESSIONS:
        return None
    return 1 if is_number(value) and '.' not in value else 0


def _check_valence_arousal(value: str) -> int | None:
    cells = value.split(',')
    if len(cells) != 2 or not all(map(is_number, cells)):
        return 0
    return None if all(-1 <= float(cell) <= 1 for cell in cells) else 1


def _check_action_units(value: str) -> int | None:
    cells = value.split(',')
    if len(cells) != len(ABAW_TRACKS['AU']):
        return 0
    if all(cell in ('0', '1') for cell in cells):
        return None
    return 1 if all(map(is_number, cells)) else 0


def _check_all_tasks(value: str) -> int | None:
    cells = value.split(',')
    if len(cells) != 3 + len(ABAW_TRACKS['AU']):
        return 0
    verdicts = {
        _check_valence_arousal(','.join(cells[:2])),
        _check_expression(cells[2]),
        _check_action_units(','.join(cells[3:])),
    }
    return min(verdicts - {None}, default=None)


# Each returns None = valid, 0 = malformed, 1 = out of range.
_VALUE_CHECKS = {
    'EXPR': _check_expression,
    'VA': _check_valence_arousal,
    'AU': _check_action_units,
    MULTI_TASK: _check_all_tasks,
}


def _lengths_of(locations: Sequence[str], names: FrameList) -> FrameList:
    """Set the length of each video to its number of rows in the submission."""
    counts = Counter(
        location.rpartition('/')[0] for location in dict.fromkeys(locations)
    )
    lengths = [(name, max(counts[name], 1)) for name in names.videos]
    return FrameList.from_lengths(lengths, names.path)


def _check_locations(
    locations: Sequence[str], expected: FrameList
) -> list[Problem]:
    """Find missing, extra, misnamed, repeated and out-of-order rows."""
    due = expected.locations()
    place = {location: i for i, location in enumerate(due)}
    misnamed, extra = Problem('misnamed'), Problem('extra')
    repeated = Problem('repeated')
    seen = np.zeros(len(due), dtype=bool)
    found, lines = [], []  # place and line of each expected row
    for number, location in enumerate(locations, start=2):
        row = place.get(location)
        if row is None:
            correct = _correct(location)
            if correct != location and correct in place:
                misnamed.add(f'line {number}: {location!r} for {correct!r}')
            elif _is_location(location):
                extra.add(f'line {number}: {location}')
            else:
                misnamed.add(f'line {number}: {location!r:.80}')
        elif seen[row]:
            repeated.add(f'line {number}: {location}')
        else:
            seen[row] = True
            found.append(row)
            lines.append(number)
    problems = [misnamed, extra, repeated]
    problems += [_missing(np.flatnonzero(~seen), due, expected)]
    problems += [_wrong_order(np.array(found, dtype=np.int64), lines, due)]
    return [problem for problem in problems if problem.count]


_is_location = re.compile(r'[^/\s]+/\d{5,6}\.jpg', re.ASCII).fullmatch
_LIKE_LOCATION = re.compile(r'([^/]+)/0*(\d{1,6})(?:\.\w+)?', re.ASCII)


def _correct(location: str) -> str:
    """Return what was probably meant by a misnamed location."""
    plain = location.replace('\\', '/').replace(' ', '').strip('"\'\t')
    match = _LIKE_LOCATION.fullmatch('/'.join(plain.split('/')[-2:]))
    return f'{match[1]}/{int(match[2]):05d}.jpg' if match else location


def _missing(
    rows: np.ndarray, due: Sequence[str], expected: FrameList
) -> Problem:
    """List expected rows that are missing, and the videos they belong to."""
    problem = Problem('missing', len(rows))
    problem.examples = [due[row] for row in rows[:_SHOWN]]
    if len(rows):
        num_videos = len(expected.videos)
        missing = np.bincount(expected.video[rows], minlength=num_videos)
        frames = np.bincount(expected.video, minlength=num_videos)
        videos = np.flatnonzero(missing)
        shown = ', '.join(
            f'{expected.videos[i]} ({missing[i]:,} of {frames[i]:,} frames)'
            for i in videos[:_SHOWN]
        )
        more = ', ...' if len(videos) > _SHOWN else ''
        problem.examples.append(f'in {len(videos)} videos: {shown}{more}')
    return problem


def _wrong_order(
    places: np.ndarray, lines: Sequence[int], due: Sequence[str]
) -> Problem:
    """List rows that are in the place of another one."""
    in_order = np.sort(places)
    problem = Problem('wrong order')
    wrong = np.flatnonzero(places != in_order)
    for i in wrong[:_SHOWN]:
        problem.add(
            f'line {lines[i]}: {due[places[i]]} where {due[in_order[i]]} is '
            'expected'
        )
    problem.count = len(wrong)
    return problem


# ----------------------------------------------------------------- writing


def write_submission(
    predictions: VideoPredictions | Sequence[VideoPredictions],
    expected: FrameList,
    path: str,
    track: str | None = None,
    tolerance: int = 1,
    threshold: float | Sequence[float] = 0.5,
) -> list[str]:
    """Write a submission with every frame of the list, in its order.

    Predictions cover every frame of a video; frames without a face are filled
    in (see :meth:`VideoPredictions.from_windows`). Where the list has one
    frame more, as the organizers' counts often do, the last one is repeated.

    Args:
        predictions: Predictions for all videos of the list; others are left
            out. For the multi-task challenge, those of each task.
        expected: The frames to write. If it has no numbers of frames, those
            of the predictions are used.
        path: The file to write; missing folders are created.
        track: ``'EXPR'``, ``'VA'`` or ``'AU'``; not needed with an example.
        tolerance: Number of frames by which the predictions of a video may be
            too short or too long.
        threshold: Probability above which an action unit is active; one for
            all, or one for each of the 12.

    Returns:
        A line for each video in which frames were repeated or left out.

    Raises:
        ValueError: If the predictions are of another track, lack videos, or
            differ in length.
    """
    track = track_of(expected, track)
    if isinstance(predictions, VideoPredictions):
        predictions = [predictions]
    notes, columns = {}, []
    for task, part in _by_task(predictions, track).items():
        # Of several tasks, the notes are the same.
        found, values = _values_of_rows(
            part, expected, task, tolerance, threshold
        )
        notes.update(dict.fromkeys(found))
        columns.append(values)
    if not expected.has_lengths:
        expected = _lengths_in(expected, predictions[0])
    rows = [expected.header or HEADERS[track]]
    rows += [','.join(row) for row in zip(expected.locations(), *columns)]
    write_text(path, '\n'.join([*rows, '']))
    return [*notes]


def _by_task(
    predictions: Sequence[VideoPredictions], track: str
) -> dict[str, VideoPredictions]:
    """Return the predictions of each task of a track, in its order.

    Raises:
        ValueError: One is missing, or one too many.
    """
    tasks = MULTI_TASK_ORDER if track == MULTI_TASK else (track,)
    found = {}
    for task in tasks:
        names = sorted(ABAW_TRACKS[task])
        parts = [x for x in predictions if sorted(x.classes) == names]
        if len(parts) != 1 or len(predictions) != len(tasks):
            given = ' and of '.join(', '.join(x.classes) for x in predictions)
            raise ValueError(
                f'a submission of track {track} needs predictions of '
                f'{" and of ".join(", ".join(ABAW_TRACKS[x]) for x in tasks)}'
                f', but these are of {given}.'
            )
        found[task] = parts[0]
    return found


def _lengths_in(expected: FrameList, found: VideoPredictions) -> FrameList:
    """Set the length of each video to that of its predictions."""
    lengths = [(name, found[name].num_frames) for name in expected.videos]
    return FrameList.from_lengths(lengths, expected.path)


def _values_of_rows(
    predictions: VideoPredictions,
    expected: FrameList,
    track: str,
    tolerance: int,
    threshold: float | Sequence[float],
) -> tuple[list[str], list[str]]:
    """Return notes, and the formatted values of each row of a submission."""
    absent = [name for name in expected.videos if name not in predictions]
    if absent:
        raise ValueError(
            f'no prediction of {len(absent)} of {len(expected.videos)} videos '
            f'of {expected.path}: {", ".join(absent[:_SHOWN])}'
            f'{", ..." if len(absent) > _SHOWN else "."}'
        )
    if not expected.has_lengths:
        expected = _lengths_in(expected, predictions)
    notes = _compare_lengths(predictions, expected, tolerance)
    extra = len(predictions) - len(expected.videos)
    if extra:
        notes.append(f'{extra} videos are not in the list: left out.')

    values: list[str] = []
    first, lengths = [], []
    for name in expected.videos:
        first.append(len(values))
        values += _values(predictions, name, track, threshold)
        lengths.append(len(values) - first[-1])
    video = expected.video
    frame = np.minimum(expected.frame, np.array(lengths)[video]) - 1
    places = (np.array(first)[video] + frame).tolist()
    return notes, [values[place] for place in places]


def _values(
    predictions: VideoPredictions,
    name: str,
    track: str,
    threshold: float | Sequence[float],
) -> list[str]:
    """Format the values of each frame of a video."""
    columns, video = ABAW_TRACKS[track], predictions[name]
    if track == 'EXPR':
        index = [str(columns.index(name)) for name in predictions.classes]
        return [index[label] for label in video.predicted.tolist()]
    scores = video.scores[:, [predictions.classes.index(c) for c in columns]]
    if track == 'VA':
        # Formatting all numbers at once is faster than one by one.
        text = '\n'.join(['%.6f,%.6f'] * len(scores))
        return (text % tuple(scores.clip(-1, 1).ravel().tolist())).split('\n')
    active = (scores > np.asarray(threshold)).astype(np.int64)
    # Few of the 2^12 combinations occur; each is formatted once.
    _, first, inverse = np.unique(
        active @ 2 ** np.arange(len(columns)),
        return_index=True,
        return_inverse=True,
    )
    texts = [','.join(map(str, row)) for row in active[first].tolist()]
    return [texts[i] for i in inverse.tolist()]


def _compare_lengths(
    predictions: VideoPredictions, expected: FrameList, tolerance: int
) -> list[str]:
    """Say in which videos frames are repeated or left out.

    Raises:
        ValueError: If the lengths of a video differ by more than the
            tolerance.
    """
    notes, wrong = [], []
    for name, length in expected.num_frames().items():
        predicted = predictions[name].num_frames
        if abs(length - predicted) > tolerance:
            wrong.append(f'{name} ({predicted:,} for {length:,})')
        elif length > predicted:
            notes.append(
                f'{name}: frame {predicted} is repeated up to frame {length}.'
            )
        elif length < predicted:
            notes.append(f'{name}: frames after {length} are left out.')
    if wrong:
        raise ValueError(
            f'{len(wrong)} videos have predictions of another length than in '
            f'{expected.path}: {", ".join(wrong[:_SHOWN])}'
            f'{", ..." if len(wrong) > _SHOWN else ""}. Predict them with '
            'this list as `test_set` of the reader, or allow a larger '
            'difference by --tolerance.'
        )
    return notes
