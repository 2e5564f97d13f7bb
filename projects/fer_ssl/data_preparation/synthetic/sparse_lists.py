"""Sparse frames of the synthetic videos in the form of s-Aff-Wild2.

Written to ``sparse/``, for ``SAffWild2Reader``. The videos of split ``test``
are those of ``val``, so that a submission can be made and scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from fer_ssl.labels import ABAW_EXPRESSIONS

from ...datasets.videos.submission_frames import MULTI_TASK_HEADER
from ...utils.files import write_text
from .expressions import sample_runs

_FILES = {'train': 'train_set.txt', 'val': 'validation_set.txt'}
_TEST_SET = 'MTL_Challenge_test_set_release.txt'
_MAX_GAP = 9  # frames
_UNKNOWN = 0.3  # fraction of the listed frames, for each task
_MEAN_RUN = 12  # listed frames


def write_sparse_lists(
    folder: Path, rows: Sequence[tuple], seed: Sequence[int]
) -> None:
    """Write the lists of some frames of each video, with and without labels.

    The listed frames are 1 to 9 frames apart. Each task is unknown in runs of
    them, so some frames have labels of no task; some have no image, as in
    ``frames.csv``. An action unit is active from intensity 1 on.

    Args:
        folder: Folder to write to.
        rows: Rows of ``frames.csv``.
        seed: Seed of the random choices.
    """
    lines = {split: [MULTI_TASK_HEADER] for split in _FILES}
    for number, (_, video) in enumerate(groupby(rows, lambda row: row[0])):
        frames = list(video)
        rng = np.random.default_rng((*seed, number))
        lines[frames[0][4]] += _listed(frames, rng)
    for split, name in _FILES.items():
        write_text(folder / name, '\n'.join([*lines[split], '']))
    test = [MULTI_TASK_HEADER]
    test += [line.partition(',')[0] for line in lines['val'][1:]]
    write_text(folder / _TEST_SET, '\n'.join([*test, '']))


def _listed(frames: list[tuple], rng: np.random.Generator) -> Iterator[str]:
    """Yield the lines of the listed frames of one video."""
    gaps = rng.integers(1, _MAX_GAP + 1, len(frames))
    places = np.cumsum(gaps) - 1
    places = places[places < len(frames)]
    unknown = [
        sample_runs(len(places), _UNKNOWN, _MEAN_RUN, rng) for _ in range(3)
    ]
    for place, no_va, no_expression, no_units in zip(places, *unknown):
        video, frame, _, expression, _, *numbers = frames[place]
        affect, units = numbers[:2], numbers[2:]
        label = -1
        if expression and not no_expression:
            label = ABAW_EXPRESSIONS.index(expression)
        cells = [
            f'{video}/{frame:05d}.jpg',
            *(['-5', '-5'] if no_va else affect),
            label,
            *(-1 if no_units else int(float(x) >= 1) for x in units),
        ]
        yield ','.join(map(str, cells))
