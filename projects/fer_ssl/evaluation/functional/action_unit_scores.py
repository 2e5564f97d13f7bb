"""F1 of action units, from counts that add up exactly over all ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...labels import IGNORE_LABEL


def action_unit_counts(truth: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Count true positives and errors of each action unit.

    A frame counts only for the units that are annotated in it.

    Args:
        truth: Ground truth, 0 or 1, (N, A); ``IGNORE_LABEL`` = not annotated.
        active: Whether the unit is predicted to be active, bool (N, A).

    Returns:
        (A, 3) int64: true positives, false positives, false negatives.

    Raises:
        ValueError: If the shapes differ, or a label has any other value.
    """
    truth, active = np.asarray(truth), np.asarray(active, dtype=bool)
    if truth.shape != active.shape or truth.ndim != 2:
        raise ValueError(
            'truth and active must be two (N, A) arrays, got '
            f'{truth.shape} and {active.shape}.'
        )
    wrong = truth[~np.isin(truth, (IGNORE_LABEL, 0, 1))]
    if wrong.size:
        raise ValueError(
            f'truth {wrong[0]} of an action unit is not 0, 1 or '
            f'{IGNORE_LABEL} (not annotated).'
        )
    counts = (
        (truth == 1) & active,
        (truth == 0) & active,
        (truth == 1) & ~active,
    )
    return np.stack([count.sum(axis=0) for count in counts], axis=1)


def action_unit_f1(counts: np.ndarray) -> np.ndarray:
    """Compute the F1 of each action unit, in [0, 1], (A,).

    It is 0 for a unit that is neither true nor predicted in any frame.

    Args:
        counts: Result of :func:`action_unit_counts`, or a sum of several,
            (A, 3).
    """
    hits, false_alarms, misses = counts.T
    return 2 * hits / np.maximum(2 * hits + false_alarms + misses, 1)


def scores_from_action_unit_counts(
    counts: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """Compute ``au_f1`` (the mean F1) and ``f1_<unit>``, in percent.

    ``au_f1`` is the score of the ABAW challenge.

    Args:
        counts: Counts of :func:`action_unit_counts`, (A, 3).
        names: Names of the A units.
    """
    values = 100.0 * action_unit_f1(counts)
    scores = {'au_f1': float(values.mean())}
    for name, value in zip(names, values):
        scores[f'f1_{name}'] = float(value)
    return scores
