"""Making of folds for cross-validation, grouped by source video."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

import numpy as np

from ..datasets.videos.abaw_annotation import is_annotated
from ..datasets.videos.video_folds import (
    HEADER,
    source_video,
)
from ..labels import IGNORE_LABEL
from ..utils.files import whole_file
from ..utils.tables import markdown_table

# Cells per dimension of the grid over valence and arousal.
_CELLS = 4


def frame_counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """What to spread of one video: its frames, and the kinds of its labels.

    Args:
        labels: In a form of :func:`.abaw_annotation.read_annotation`.
        num_classes: C: classes, or action units.

    Returns:
        (1 + K,) int64: all frames; then the frames of each class (C,), or
        those with each action unit active (C,), or, of valence and arousal,
        those in each cell of a 4 x 4 grid (16,).
    """
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
    """Names of the counts that :func:`frame_counts` gives."""
    if np.issubdtype(labels.dtype, np.floating):
        edges = [f'{2 * i / _CELLS - 1:g}' for i in range(_CELLS)]
        classes = [f'v{v} a{a}' for v in edges for a in edges]
    return ['frames', *classes]


def make_folds(
    counts: Mapping[str, np.ndarray], num_folds: int, seed: int = 0
) -> dict[str, int]:
    """Spread videos over folds as evenly as whole groups allow.

    A group is all videos of one source video. Each fold should get the same
    share of every count. Groups go, large ones first, where they keep the
    shares most even; then single groups are moved and pairs exchanged for as
    long as that makes the shares more even.

    Args:
        counts: What to spread of each video, (K,), of
            :func:`frame_counts`.
        num_folds: Number of folds.
        seed: Another seed gives other folds, about as even.

    Returns:
        Fold of each video, from 0, in the order of ``counts``.

    Raises:
        ValueError: There are fewer groups than folds.
    """
    groups = sorted({source_video(name) for name in counts})
    if not 2 <= num_folds <= len(groups):
        raise ValueError(
            f'{num_folds} folds cannot be made of {len(groups)} source '
            'videos: give 2 folds or more, and no more than source videos.'
        )
    index = {group: i for i, group in enumerate(groups)}
    shares = np.zeros((len(groups), len(next(iter(counts.values())))))
    for name, count in counts.items():
        shares[index[source_video(name)]] += count
    shares /= np.maximum(shares.sum(axis=0), 1)
    fold_of = _spread(shares, num_folds, np.random.default_rng(seed))
    return {name: int(fold_of[index[source_video(name)]]) for name in counts}


def _spread(
    shares: np.ndarray, num_folds: int, rng: np.random.Generator
) -> np.ndarray:
    """Folds (G,) of G groups that hold these shares (G, K) of K counts.

    It makes the sum of the squares of all folds' shares (F, K) small. Taking
    a from one fold f to another h changes it by 2 a (S_h - S_f) + 2 a^2.
    """
    fold_of = np.full(len(shares), -1)
    total = np.zeros((num_folds, shares.shape[1]))
    size = shares.max(axis=1) * rng.uniform(0.5, 1, len(shares))
    order = np.argsort(-size, kind='stable')
    for group in order:
        used = np.bincount(fold_of[fold_of >= 0], minlength=num_folds)
        cost = (total * shares[group]).sum(axis=1)
        fold = np.lexsort((used, cost))[0]
        fold_of[group] = fold
        total[fold] += shares[group]
    improved = True
    while improved:
        improved = False
        for group in order:
            fold = fold_of[group]
            # Partners: nothing in each fold (a move), then every other group.
            given = np.concatenate([np.zeros_like(total), shares])
            to = np.concatenate([np.arange(num_folds), fold_of])
            taken = shares[group] - given
            gain = (taken * (total[to] - total[fold] + taken)).sum(axis=1)
            gain[to == fold] = 0
            best = int(gain.argmin())
            if gain[best] > -1e-12:
                continue
            total[fold] -= taken[best]
            total[to[best]] += taken[best]
            fold_of[group] = to[best]
            if best >= num_folds:
                fold_of[best - num_folds] = fold
            improved = True
    return fold_of


def write_folds(folds: Mapping[str, int], path: str) -> None:
    """Write ``video,fold`` to a CSV file; folders are made."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(HEADER)
        writer.writerows(folds.items())


def folds_table(
    folds: Mapping[str, int],
    counts: Mapping[str, np.ndarray],
    names: Sequence[str],
) -> str:
    """Markdown table of the folds: videos, and share of each count in %.

    Args:
        folds: Fold of each video.
        counts: Counts of each video, (K,).
        names: K names of the counts.
    """
    num_folds = max(folds.values()) + 1
    sums = np.zeros((num_folds, len(names)))
    for video, fold in folds.items():
        sums[fold] += counts[video]
    shares = 100 * sums / np.maximum(sums.sum(axis=0), 1)
    lines = []
    for fold in range(num_folds):
        size = sum(f == fold for f in folds.values())
        lines.append([fold, size, *(f'{x:.1f}' for x in shares[fold])])
    total = [f'{x:,.0f}' for x in sums.sum(axis=0)]
    lines.append(['all', len(folds), *total])
    head = ['fold', 'videos', *(f'{name} %' for name in names)]
    return markdown_table(head, lines, text_columns=0)
