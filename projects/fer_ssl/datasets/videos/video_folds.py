"""Folds for cross-validation, grouped by source video."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from mmengine.logging import print_log

from ...utils.text_rows import csv_rows

HEADER = ['video', 'fold']
_SIDE = re.compile(r'_(?:left|right)$')
# Clips that Aff-Wild2 cut from one video: 5-60-1920x1080-2, video10_1.
_CLIP = re.compile(r'^(\d+-\d+-\d+x\d+)-\d+$|^(video\d+)_\d+$', re.ASCII)

Video = TypeVar('Video')


def source_video(name: str) -> str:
    """Return the name of the video that a video of Aff-Wild2 comes from.

    ``video5_left`` and ``video5_right`` are two people in one video;
    ``5-60-1920x1080-1`` to ``-4`` and ``video10_1`` are clips of one. All
    other names are returned unchanged.
    """
    name = _SIDE.sub('', name)
    match = _CLIP.match(name)
    return (match[1] or match[2]) if match else name


def read_folds(path: str) -> dict[str, str]:
    """Read the fold of each video from a CSV file ``video,fold``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The content is invalid; the message names file and line.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'{path}: no such file of folds. Make it by '
            'tools/abaw/make_folds.py.'
        )
    folds: dict[str, str] = {}
    rows = csv_rows(path)
    line, header = next(rows, (1, []))
    if header != HEADER:
        raise ValueError(
            f'{path}:{line}: the header must be {",".join(HEADER)}, got '
            f'{",".join(header)!r:.80}.'
        )
    for line, row in rows:
        if len(row) != 2 or not all(row) or row[0] in folds:
            raise ValueError(
                f'{path}:{line}: {",".join(row)!r:.80} is not video,fold, or '
                'its video is listed twice.'
            )
        # pandas writes whole numbers as 5.0 if one is missing.
        folds[row[0]] = re.sub(r'(?<=\d)\.0$', '', row[1])
    return folds


def select_folds(
    videos: Mapping[str, Video],
    folds: Mapping[str, str],
    chosen: str | int | Iterable[str | int] | None,
) -> dict[str, Video]:
    """Select the videos of some folds; videos in no fold are left out.

    Args:
        videos: Values of any type, by name of the video.
        folds: Fold of each video.
        chosen: One fold, several, or ``None`` for all.

    Raises:
        ValueError: A fold has a video that does not exist, or there is no such
            fold.
    """
    unknown = [name for name in folds if name not in videos]
    if unknown:
        raise ValueError(
            f'the folds name {len(unknown)} videos that are not in the data '
            f'set, the first is {unknown[0]!r}: they are of another one. Make '
            'its own folds by tools/abaw/make_folds.py.'
        )
    if chosen is None:
        wanted = set(folds.values())
    elif isinstance(chosen, (str, int)):
        wanted = {str(chosen)}
    else:
        wanted = set(map(str, chosen))
    missing = wanted.difference(folds.values())
    if missing or not wanted:
        raise ValueError(
            f'there is no fold {", ".join(sorted(missing))}; the folds are '
            f'{", ".join(sorted(set(folds.values())))}.'
        )
    left_out = [name for name in videos if name not in folds]
    if left_out:
        print_log(
            f'{len(left_out)} of {len(videos)} videos are in no fold and left '
            f'out, the first is {left_out[0]!r}.',
            'current',
            logging.WARNING,
        )
    return {n: v for n, v in videos.items() if folds.get(n) in wanted}
