from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..labels import IGNORE_LABEL
from .text_rows import csv_rows

_COLUMNS = ('video', 'frame', 'image', 'expression')


@dataclass
class VideoAnnotation:
    """All frames of one video, in order.

    Attributes:
        name: Name of the video.
        images: T paths relative to the folder of frames; '' where no face
            was found.
        labels: Class of every frame, int64 (T,), -1 where not annotated. Or
            valence and arousal (T, 2), or action units (T, 12), as
            :func:`.abaw_annotation.read_annotation` gives them.
    """

    name: str
    images: list[str]
    labels: np.ndarray


def read_frames_csv(
    path: str,
    classes: Sequence[str],
    split: str | Sequence[str] | None = None,
) -> dict[str, VideoAnnotation]:
    """Read ``video,frame,image,expression[,split]`` into videos.

    The file has a row for EVERY frame: 1-based numbers, ascending, without a
    gap within a video. An empty ``image`` is a frame without a face, an empty
    ``expression`` a frame without annotation. Further columns are ignored.

    Args:
        path: The CSV file.
        classes: Class names in label order.
        split: Keep the videos of this split (or of these splits). ``None``
            keeps all.

    Returns:
        Videos by name, in the order of their first rows.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Content is wrong (the message names file and line), or no
            frame is left.
    """
    splits = {split} if isinstance(split, str) else set(split or ())
    rows = csv_rows(path)
    _, header = next(rows, (1, []))
    needed = (*_COLUMNS, 'split') if splits else _COLUMNS
    missing = [name for name in needed if name not in header]
    if missing:
        raise ValueError(
            f'{path}:1: column {", ".join(missing)} is missing; the header '
            f'is {",".join(header)!r}.'
        )
    video_at, frame_at, image_at, expression_at = map(header.index, _COLUMNS)
    split_at = header.index('split') if 'split' in header else None
    label_of = {name: label for label, name in enumerate(classes)}
    label_of[''] = IGNORE_LABEL

    frames: dict[str, tuple[list, list]] = {}
    split_of: dict[str, str] = {}
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f'{path}:{line}: {len(row)} fields, but the header has '
                f'{len(header)}.'
            )
        try:
            video, frame = row[video_at], int(row[frame_at])
            image, label = row[image_at], label_of[row[expression_at]]
            split = '' if split_at is None else row[split_at]
        except (KeyError, ValueError):
            raise ValueError(
                f'{path}:{line}: {_complaint(row, header, label_of)}'
            ) from None
        if video not in frames:
            frames[video] = [], []
            split_of[video] = split
        images, labels = frames[video]
        if frame != len(images) + 1 or split != split_of[video] or not video:
            raise ValueError(
                f'{path}:{line}: video {video!r}, frame {frame}, '
                f'split {split!r}; expected a named video, frame '
                f'{len(images) + 1} and split {split_of[video]!r}. Frames '
                'count from 1 without gaps (leave `image` empty where there '
                'is no face), and a video lies in one split.'
            )
        images.append(image)
        labels.append(label)

    videos = {
        name: VideoAnnotation(name, images, np.array(labels, dtype=np.int64))
        for name, (images, labels) in frames.items()
        if not splits or split_of[name] in splits
    }
    if not videos:
        raise ValueError(
            f'{path}: no frame with split in {sorted(splits) or "any"}; the '
            f'splits in the file are {sorted(set(split_of.values()))}.'
        )
    return videos


def _complaint(row: list[str], header: list[str], label_of: dict) -> str:
    """What is wrong with a row that could not be parsed."""
    expression = row[header.index('expression')]
    if expression not in label_of:
        known = ', '.join(name for name in label_of if name)
        return (
            f'unknown class {expression!r}; classes are {known}. Leave the '
            'field empty where a frame is not annotated.'
        )
    return f'frame {row[header.index("frame")]!r} is not a whole number.'
