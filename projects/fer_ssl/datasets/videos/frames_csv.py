from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable

import numpy as np

from ...labels import ABAW_TRACKS, IGNORE_LABEL, IGNORE_VALENCE_AROUSAL
from ...utils.text_rows import csv_rows, read_header
from ...utils.warn_once import warn_once
from ..repeated_rows import RepeatedFaces
from .abaw_annotation import action_unit, label_dtype, valence_or_arousal

_COLUMNS = ('video', 'frame', 'image')
_TASK_COLUMNS = dict(ABAW_TRACKS, EXPR=('expression',))


@dataclass
class VideoAnnotation:
    """All frames of one video, in order.

    Attributes:
        name: Name of the video.
        images: T paths relative to the folder of frames; '' if no face was
            found.
        labels: Class of every frame, int64 (T,), -1 if not annotated; or
            valence and arousal (T, 2), or action units (T, 12), as returned by
            :func:`.abaw_annotation.read_annotation`; or a structured array of
            several of these, ``labels['VA']``.
    """

    name: str
    images: list[str]
    labels: np.ndarray


def read_frames_csv(
    path: str,
    classes: Sequence[str],
    split: str | Sequence[str] | None = None,
    tasks: str | Sequence[str] = 'EXPR',
    active_from: float = 1.0,
    findings: list[str] | None = None,
) -> dict[str, VideoAnnotation]:
    """Read ``video,frame,image,expression[,split]`` into videos.

    The file has a row for EVERY frame; within a video, the numbers count from
    1 without gaps. An empty ``image`` means a frame without a face, an empty
    ``expression`` a frame without annotation. Other columns are ignored.

    Task ``'VA'`` reads ``valence,arousal``, numbers from -1 to 1, and task
    ``'AU'`` reads the intensities ``AU1,AU2,...``. Empty cells, -5 for the
    former and -1 for the latter mean not annotated.

    Args:
        path: The CSV file.
        classes: Class names in label order.
        split: Split or splits of the videos to keep. ``None`` keeps all.
        tasks: ``'EXPR'``, ``'VA'`` or ``'AU'``, or several of them.
        active_from: Minimum intensity of an active action unit.
        findings: List to which problems that are not errors are added, a
            sentence each: images that are in several splits.

    Returns:
        Videos by name, in the order of their first rows. Labels of several
        tasks are structured arrays, ``labels['VA']``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The content is invalid (the message names file and line),
            or no frame remains.
    """
    splits = {split} if isinstance(split, str) else set(split or ())
    names = (tasks,) if isinstance(tasks, str) else tuple(tasks)
    rows = csv_rows(path)
    header = read_header(path, rows)
    needed = [*_COLUMNS, *(c for task in names for c in _TASK_COLUMNS[task])]
    missing = [
        name
        for name in (*needed, *(['split'] if splits else []))
        if name not in header
    ]
    if missing:
        raise ValueError(
            f'{path}:1: column {", ".join(missing)} is missing; the header '
            f'is {",".join(header)!r}.'
        )
    video_at, frame_at, image_at = map(header.index, _COLUMNS)
    split_at = header.index('split') if 'split' in header else None
    parsers = [
        _label_parser(task, header, classes, active_from) for task in names
    ]
    dtype = label_dtype(tasks)
    parse = parsers[0]
    if not isinstance(tasks, str):

        def parse(row: list[str]) -> tuple:
            return tuple([parser(row) for parser in parsers])

    frames: dict[str, tuple[list, list]] = {}
    split_of: dict[str, str] = {}
    first_line: dict[str, int] = {}
    repeated = RepeatedFaces(path)
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f'{path}:{line}: {len(row)} fields, but the header has '
                f'{len(header)}.'
            )
        try:
            # pandas writes whole numbers as 5.0 if one is missing.
            video, frame = row[video_at], int(row[frame_at].removesuffix('.0'))
            image = row[image_at]
            label = parse(row)
            split = '' if split_at is None else row[split_at]
        except ValueError:
            raise ValueError(
                f'{path}:{line}: {_complaint(row, header, parsers)}'
            ) from None
        if video not in frames:
            frames[video] = [], []
            split_of[video] = split
            first_line[video] = line
        images, labels = frames[video]
        if frame != len(images) + 1 or split != split_of[video] or not video:
            raise ValueError(
                f'{path}:{line}: video {video!r}, frame {frame}, '
                f'split {split!r}; expected a named video, frame '
                f'{len(images) + 1} and split {split_of[video]!r}, as the '
                f'video begins in line {first_line[video]}. Frames '
                'count from 1 without gaps (leave `image` empty where there '
                'is no face), and a video is in one split.'
            )
        if image:
            repeated.add_split(line, 'image', image, split)
        images.append(image)
        labels.append(label)

    if findings is not None:
        findings += repeated.findings()
    videos = {
        name: VideoAnnotation(name, images, np.array(labels, dtype.base))
        for name, (images, labels) in frames.items()
        if not splits or split_of[name] in splits
    }
    if not videos:
        raise ValueError(
            f'{path}: no frame with split in {sorted(splits) or "any"}; the '
            f'splits in the file are {sorted(set(split_of.values()))}.'
        )
    absent = splits.difference(split_of.values())
    if absent:
        warn_once(
            f'{path}: no frame with split in {sorted(absent)}; the splits in '
            f'the file are {sorted(set(split_of.values()))}.'
        )
    return videos


def _label_parser(
    task: str, header: list[str], classes: Sequence[str], active_from: float
) -> Callable:
    """Return a function that parses the label of a task from a row.

    The function raises a ValueError that describes an invalid cell.
    """
    columns = list(map(header.index, _TASK_COLUMNS[task]))
    if task == 'EXPR':
        label_of = {name: label for label, name in enumerate(classes)}
        label_of[''] = IGNORE_LABEL

        def parse(row: list[str]) -> int:
            label = label_of.get(row[columns[0]])
            if label is None:
                raise ValueError(
                    f'unknown class {row[columns[0]]!r}; classes are '
                    f'{", ".join(classes)}. Leave the field empty where a '
                    'frame is not annotated.'
                )
            return label

        return parse

    @lru_cache(maxsize=2**16)  # numbers have few digits and recur
    def number(cell: str) -> float:
        if task == 'VA':
            value = valence_or_arousal(cell or str(IGNORE_VALENCE_AROUSAL))
            allowed = f'a number from -1 to 1, or {IGNORE_VALENCE_AROUSAL:g}'
        else:
            value = action_unit(cell or str(IGNORE_LABEL), active_from)
            allowed = f'an intensity from 0 on, or {IGNORE_LABEL}'
        if value is None:
            raise ValueError(
                f'{cell!r} is not {allowed} (not annotated, as an empty '
                'field).'
            )
        return value

    return lambda row: [number(row[i]) for i in columns]


def _complaint(row: list[str], header: list[str], parsers: list) -> str:
    """Describe the error in a row that could not be parsed."""
    for parse in parsers:
        try:
            parse(row)
        except ValueError as error:
            return str(error)
    return f'frame {row[header.index("frame")]!r} is not a whole number.'
