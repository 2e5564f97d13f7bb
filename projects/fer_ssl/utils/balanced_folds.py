"""Folds of whole groups, such as people or videos, that are alike."""

from __future__ import annotations

import numpy as np


def balanced_folds(
    fractions: np.ndarray,
    num_folds: int,
    rng: np.random.Generator,
    refine: bool = True,
) -> np.ndarray:
    """Assign groups to folds so that these have the same part of every count.

    Groups are assigned one after another, large ones first. Then single groups
    are moved and pairs swapped for as long as that makes the folds more even.
    It minimizes the sum of squares of the folds' fractions S (F, K), which
    moving a from fold f to fold h changes by 2 a (S_h - S_f) + 2 a^2.

    Args:
        fractions: Fraction of each of K counts, such as the frames of each
            class, that belongs to each group, (G, K).
        num_folds: Number of folds F.
        rng: Source of the order of groups of similar size.
        refine: Whether to move and swap, whose time grows with the square of
            the number of groups. Small groups need it least.

    Returns:
        Fold of each group, (G,).
    """
    fold_of = np.full(len(fractions), -1)
    total = np.zeros((num_folds, fractions.shape[1]))
    used = np.zeros(num_folds, np.int64)
    size = fractions.max(axis=1) * rng.uniform(0.5, 1, len(fractions))
    order = np.argsort(-size, kind='stable')
    for group in order:
        cost = (total * fractions[group]).sum(axis=1)
        fold = np.lexsort((used, cost))[0]
        fold_of[group] = fold
        total[fold] += fractions[group]
        used[fold] += 1
    improved = refine
    while improved:
        improved = False
        for group in order:
            fold = fold_of[group]
            # Swap with nothing in each fold (a move), or with every group.
            given = np.concatenate([np.zeros_like(total), fractions])
            to = np.concatenate([np.arange(num_folds), fold_of])
            taken = fractions[group] - given
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
