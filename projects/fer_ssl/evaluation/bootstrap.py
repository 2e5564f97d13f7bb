"""Confidence intervals of scores, by resampling videos, people or images.

Frames of one video are far from independent, so whole videos are drawn: each
resample is as many videos as the set has, drawn with replacement, and is
scored like the set itself. The interval is that of the percentiles (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3).
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
    """Scores of resampled sets.

    Equal numbers of units and equal seeds give the same draws: the scores of
    two models on one set are then paired.

    Args:
        sums: What is added over the units to be scored, (U, ...), U >= 2.
        scores: Scores of a sum over units.
        resamples: R.
        seed: Of the draws.

    Returns:
        Scores of the R resamples by name, (R,).

    Raises:
        ValueError: There are fewer than two units.
    """
    num_units = len(sums)
    if num_units < 2:
        raise ValueError(f'{num_units} units cannot be resampled: 2 are due')
    # products of float64 are fast, and exact for counts
    flat = sums.reshape(num_units, -1).astype(np.float64)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        units = rng.integers(num_units, size=num_units)
        times = np.bincount(units, minlength=num_units).astype(np.float64)
        draws.append(scores((times @ flat).reshape(sums.shape[1:])))
    return {key: np.array([draw[key] for draw in draws]) for key in draws[0]}


def interval(draws: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of the scores of resamples, (R,)."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def unit_sums(
    metric: FramePredictionMetric, identities: Sequence[str] | None = None
) -> tuple[str, np.ndarray]:
    """Sums of each unit of what ``metric`` has kept in ``scored``.

    Args:
        metric: After a test with ``keeps_scored``.
        identities: The person on each image, ``''`` = not known, so that the
            image stands alone. None: all images stand alone.

    Returns:
        Name of the units, ``'videos'``, ``'people'`` or ``'images'``; and the
        sums (U, ...) of those units that have a label, which
        ``metric.scores_of_videos`` or, of images, ``metric.scores`` turns
        into scores.
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
