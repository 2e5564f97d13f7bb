"""Probabilities above which action units count as active."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..labels import IGNORE_LABEL
from .functional.action_unit_scores import action_unit_counts, action_unit_f1
from .video_predictions import VideoPredictions

_DEFAULT = 0.5


def best_thresholds(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Threshold of each action unit with the largest F1 on these frames.

    Exact: every threshold that makes a difference is tried. Each is halfway
    between two scores that occur. For frames that the model was not trained
    on, and other ones than those to report: a threshold is fitted as a weight
    is.

    Args:
        truth: 0 or 1, (N, A); ``IGNORE_LABEL`` = not annotated.
        scores: Probabilities, (N, A).

    Returns:
        (A,) float64; a unit with a larger score is active. 0.5 for a unit
        that is active in no annotated frame.
    """
    return np.array(
        [
            _best_threshold(t[t != IGNORE_LABEL] == 1, s[t != IGNORE_LABEL])
            for t, s in zip(np.asarray(truth).T, np.asarray(scores).T)
        ]
    )


def _best_threshold(truth: np.ndarray, scores: np.ndarray) -> float:
    """Of one unit: truth bool (N,), scores (N,)."""
    if not truth.any():
        return _DEFAULT
    order = np.argsort(-scores, kind='stable')
    scores, truth = scores[order].astype(np.float64), truth[order]
    # The first k + 1 frames are active, k = 0 ... N - 1.
    active = np.arange(1, len(scores) + 1)
    f1 = 2 * np.cumsum(truth) / (active + truth.sum())
    below = np.append(scores[1:], scores[-1] - 1e-3)
    f1[scores == below] = -1  # equal scores cannot be told apart
    best = int(f1.argmax())
    return (scores[best] + below[best]) / 2


def frames_of(
    sets: Sequence[VideoPredictions],
) -> tuple[np.ndarray, np.ndarray]:
    """Truth (N, A) and scores (N, A) of all frames of some predictions.

    Raises:
        ValueError: They have no truth per column, or other columns.
    """
    videos = [video for videos in sets for video in videos]
    if len({predictions.classes for predictions in sets}) != 1:
        raise ValueError('the predictions are of different action units')
    for video in videos:
        if video.labels is None or video.labels.ndim != 2:
            raise ValueError(
                f'video {video.name}: the predictions have no truth of action '
                'units. Write them with ActionUnitMetric(out_file=...) on '
                'videos that are annotated'
            )
    truth = np.concatenate([video.labels for video in videos])
    return truth, np.concatenate([video.scores for video in videos])


def mean_f1(
    truth: np.ndarray, scores: np.ndarray, thresholds: float | np.ndarray
) -> float:
    """Mean F1 of the action units in percent, the challenge's score."""
    counts = action_unit_counts(truth, scores > np.asarray(thresholds))
    return 100 * float(action_unit_f1(counts).mean())


def held_out_f1(sets: Sequence[VideoPredictions]) -> list[float]:
    """Mean F1 of each set, with thresholds tuned on the other ones.

    Args:
        sets: Two or more, such as the folds of a cross-validation.
    """
    scores = []
    for i, held_out in enumerate(sets):
        others = [one for j, one in enumerate(sets) if j != i]
        thresholds = best_thresholds(*frames_of(others))
        scores.append(mean_f1(*frames_of([held_out]), thresholds))
    return scores
