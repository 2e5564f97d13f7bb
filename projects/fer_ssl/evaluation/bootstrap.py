"""Confidence intervals of scores, by resampling videos, people or images.

Frames of one video are far from independent, so whole videos are drawn: each
resample has as many videos as the set, drawn with replacement, and is scored
like the set itself. Intervals are percentile intervals (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, section 13.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np

from .metrics.frame_prediction_metric import FramePredictionMetric
from .video_predictions import VideoPredictions

RESAMPLES = 2000
SEED = 0
LEVEL = 0.95


def bootstrap(
    sums: np.ndarray,
    scores: Callable[[np.ndarray], dict[str, float]],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, np.ndarray]:
    """Compute the scores of resampled sets.

    The same number of units and the same seed give the same draws, so the
    scores of two models on one set are paired.

    Args:
        sums: Sums of each unit, (U, ...), U >= 2; a set is scored by their
            total.
        scores: Computes the scores from a total.
        resamples: Number of resamples R.
        seed: Seed of the draws.

    Returns:
        Scores of the R resamples by name, (R,).

    Raises:
        ValueError: If there are fewer than two units.
    """
    num_units = len(sums)
    if num_units < 2:
        raise ValueError(
            f'{num_units} units cannot be resampled: 2 are needed.'
        )
    # Products of float64 are fast, and exact for counts.
    flat = sums.reshape(num_units, -1).astype(np.float64)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        units = rng.integers(num_units, size=num_units)
        times = np.bincount(units, minlength=num_units).astype(np.float64)
        draws.append(scores((times @ flat).reshape(sums.shape[1:])))
    return {key: np.array([draw[key] for draw in draws]) for key in draws[0]}


def interval(draws: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Compute the percentile interval of the scores of R resamples, (R,)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def unit_sums(
    metric: FramePredictionMetric, identities: Sequence[str] | None = None
) -> tuple[str, np.ndarray]:
    """Compute the sums of each unit of what ``metric`` kept in ``scored``.

    Args:
        metric: Metric after a test with ``keeps_scored``.
        identities: The person on each image; an image with ``''`` (unknown) is
            a separate unit. ``None``: every image is one.

    Returns:
        Name of the units, ``'videos'``, ``'people'`` or ``'images'``, and the
        sums (U, ...) of all units that have a label. The scores follow from
        their total by ``metric.scores_of_videos`` for videos, else by
        ``metric.scores``.
    """
    scored = metric.scored
    if isinstance(scored, VideoPredictions):
        known = [v for v in scored if metric.labeled(v.labels).any()]
        return 'videos', np.array([metric.video_sums(v) for v in known])
    groups: dict = {}
    for index in np.flatnonzero(metric.labeled_images(scored)):
        name = identities[index] if identities else ''
        groups.setdefault(name or index, []).append(scored[index])
    named = any(isinstance(name, str) for name in groups)
    return (
        'people' if named else 'images',
        np.array([metric.image_sums(group) for group in groups.values()]),
    )
