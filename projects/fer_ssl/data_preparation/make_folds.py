"""Make folds for cross-validation, grouped by source video."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

import numpy as np

from ..datasets.videos.abaw_annotation import is_annotated
from ..datasets.videos.video_folds import (
    HEADER,
    source_video,
)
from ..labels import ABAW_TRACKS, IGNORE_LABEL
from ..utils.balanced_folds import balanced_folds
from ..utils.files import whole_file
from ..utils.tables import markdown_table

# Number of cells of the valence-arousal grid along each dimension.
_CELLS = 4


def frame_counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Count the frames of one video, in total and by label.

    Args:
        labels: Labels as :func:`.abaw_annotation.read_annotation` returns
            them, or a structured array with a field for each of several tasks.
        num_classes: Number C of classes or action units of a single task.

    Returns:
        Counts (1 + K,), int64: all frames, followed by the frames of each
        class (C,), those in which each action unit is active (C,), or those
        in each cell of a 4 x 4 grid over valence and arousal (16,). Of several
        tasks: the frames that are annotated for any of them; then, for each
        task, the frames that are annotated for it, and its own K counts.
    """
    if labels.dtype.names:
        counts = [is_annotated(labels).sum()]
        for task in labels.dtype.names:
            own = labels[task]
            counts.append(is_annotated(own).sum())
            counts += frame_counts(own, len(ABAW_TRACKS[task]))[1:].tolist()
        return np.array(counts)
    if labels.ndim == 1:
        known = labels[labels != IGNORE_LABEL]
        counts = np.bincount(known, minlength=num_classes)
    elif np.issubdtype(labels.dtype, np.floating):
        known = labels[is_annotated(labels)]
        cells = ((known + 1) / 2 * _CELLS).astype(np.int64)
        cells = cells.clip(0, _CELLS - 1) @ [_CELLS, 1]
        counts = np.bincount(cells, minlength=_CELLS**2)
    else:
        counts = (labels == 1).sum(axis=0)
    return np.array([len(labels), *counts])


def count_names(labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    """Return the names of the counts of :func:`frame_counts`."""
    if labels.dtype.names:
        names = ['frames']
        for task in labels.dtype.names:
            own = count_names(labels[task], ABAW_TRACKS[task])
            names += [task, *own[1:]]
        return names
    if np.issubdtype(labels.dtype, np.floating):
        edges = [f'{2 * i / _CELLS - 1:g}' for i in range(_CELLS)]
        classes = [f'v{v} a{a}' for v in edges for a in edges]
    return ['frames', *classes]


def check_tasks(
    folds: Mapping[str, int],
    counts: Mapping[str, np.ndarray],
    names: Sequence[str],
    tasks: Sequence[str],
) -> None:
    """Check that every fold can be scored for each of several tasks.

    Args:
        folds: Fold of each video.
        counts: Counts (K,) of each video from :func:`frame_counts`.
        names: Names of the K counts.
        tasks: Names of the tasks.

    Raises:
        ValueError: No frame of a fold is annotated for a task.
    """
    sums = _sums_of_folds(folds, counts)
    for task in tasks:
        empty = np.flatnonzero(sums[:, names.index(task)] == 0)
        if len(empty):
            raise ValueError(
                f'no frame of fold {empty[0]} is annotated for {task}, so the '
                'fold could not be scored. Ask for fewer folds, or try '
                'another seed.'
            )


def make_folds(
    counts: Mapping[str, np.ndarray], num_folds: int, seed: int = 0
) -> dict[str, int]:
    """Distribute videos over folds as evenly as whole groups allow.

    All videos of one source video form a group. Each fold should get the
    same fraction of every count, see
    :func:`fer_ssl.utils.balanced_folds.balanced_folds`.

    Args:
        counts: Counts (K,) of each video from :func:`frame_counts`.
        num_folds: Number of folds.
        seed: Seed of the assignment order. Other seeds give other folds that
            are about as even.

    Returns:
        Video -> fold, from 0, in the order of ``counts``.

    Raises:
        ValueError: There are fewer groups than folds.
    """
    groups = sorted({source_video(name) for name in counts})
    if not 2 <= num_folds <= len(groups):
        raise ValueError(
            f'{num_folds} folds cannot be made of {len(groups)} source '
            'videos. Ask for at least 2 folds, and at most one per source '
            'video.'
        )
    index = {group: i for i, group in enumerate(groups)}
    fractions = np.zeros((len(groups), len(next(iter(counts.values())))))
    for name, count in counts.items():
        fractions[index[source_video(name)]] += count
    fractions /= np.maximum(fractions.sum(axis=0), 1)
    fold_of = balanced_folds(fractions, num_folds, np.random.default_rng(seed))
    return {name: int(fold_of[index[source_video(name)]]) for name in counts}


def write_folds(folds: Mapping[str, int], path: str) -> None:
    """Write ``video,fold`` to a CSV file; creates missing folders."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(HEADER)
        writer.writerows(folds.items())


def folds_table(
    folds: Mapping[str, int],
    counts: Mapping[str, np.ndarray],
    names: Sequence[str],
) -> str:
    """Format the folds as Markdown: videos, and percentage of each count.

    Args:
        folds: Fold of each video.
        counts: Counts (K,) of each video.
        names: Names of the K counts.
    """
    sums = _sums_of_folds(folds, counts)
    percent = 100 * sums / np.maximum(sums.sum(axis=0), 1)
    sizes = np.bincount(list(folds.values())).tolist()
    lines = [['videos', *sizes, len(folds)]]
    for name, parts, total in zip(names, percent.T, sums.sum(axis=0)):
        lines.append([name, *(f'{x:.1f} %' for x in parts), f'{total:,}'])
    heads = [f'fold {fold}' for fold in range(len(sums))]
    return markdown_table(['', *heads, 'all'], lines)


def _sums_of_folds(
    folds: Mapping[str, int], counts: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Add up the counts (K,) of the videos of each fold, int64 (F, K)."""
    first = next(iter(counts.values()))
    sums = np.zeros((max(folds.values()) + 1, len(first)), np.int64)
    for video, fold in folds.items():
        sums[fold] += counts[video]
    return sums
