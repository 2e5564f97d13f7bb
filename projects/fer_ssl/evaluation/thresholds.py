"""Tuning of the probabilities above which action units count as active."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..labels import IGNORE_LABEL
from .functional.action_unit_scores import action_unit_counts, action_unit_f1
from .video_predictions import VideoPredictions

_DEFAULT = 0.5


def best_thresholds(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Find the threshold of each action unit with the largest F1.

    The search is exact: it tries every threshold that makes a difference, each
    halfway between two scores that occur. A threshold is fitted to its frames
    as a weight is, so tune it on frames that the model was not trained on and
    that are not reported.

    Args:
        truth: Ground truth, 0 or 1, (N, A); ``IGNORE_LABEL`` = not annotated.
        scores: Probabilities, (N, A).

    Returns:
        Thresholds, (A,) float64; a unit with a larger score is active. 0.5 for
        a unit that is active in no annotated frame.
    """
    return np.array(
        [
            _best_threshold(t[t != IGNORE_LABEL] == 1, s[t != IGNORE_LABEL])
            for t, s in zip(np.asarray(truth).T, np.asarray(scores).T)
        ]
    )


def _best_threshold(truth: np.ndarray, scores: np.ndarray) -> float:
    """Find the threshold of one unit: truth bool (N,), scores (N,)."""
    if not truth.any():
        return _DEFAULT
    order = np.argsort(-scores, kind='stable')
    scores, truth = scores[order].astype(np.float64), truth[order]
    # Entry k: the k + 1 frames with the largest scores are active.
    active = np.arange(1, len(scores) + 1)
    f1 = 2 * np.cumsum(truth) / (active + truth.sum())
    below = np.append(scores[1:], scores[-1] - 1e-3)
    f1[scores == below] = -1  # no threshold separates equal scores
    best = int(f1.argmax())
    return (scores[best] + below[best]) / 2


def stack_frames(
    sets: Sequence[VideoPredictions],
) -> tuple[np.ndarray, np.ndarray]:
    """Concatenate truth (N, A) and scores (N, A) of all frames of all sets.

    Raises:
        ValueError: If a video has no truth per column, or columns differ.
    """
    videos = [video for videos in sets for video in videos]
    if len({predictions.classes for predictions in sets}) != 1:
        raise ValueError('the predictions are of different action units.')
    for video in videos:
        if video.labels is None or video.labels.ndim != 2:
            raise ValueError(
                f'video {video.name}: the predictions have no truth of action '
                'units. Write them with ActionUnitMetric(out_file=...) on '
                'annotated videos.'
            )
    truth = np.concatenate([video.labels for video in videos])
    return truth, np.concatenate([video.scores for video in videos])


def mean_f1(
    truth: np.ndarray, scores: np.ndarray, thresholds: float | np.ndarray
) -> float:
    """Compute the mean F1 in percent, the score of the ABAW challenge."""
    counts = action_unit_counts(truth, scores > np.asarray(thresholds))
    return 100 * float(action_unit_f1(counts).mean())


def held_out_f1(sets: Sequence[VideoPredictions]) -> list[float]:
    """Compute the mean F1 of each set with thresholds tuned on the others.

    Args:
        sets: Two or more sets, such as the folds of a cross-validation.
    """
    scores = []
    for i, held_out in enumerate(sets):
        others = [one for j, one in enumerate(sets) if j != i]
        thresholds = best_thresholds(*stack_frames(others))
        scores.append(mean_f1(*stack_frames([held_out]), thresholds))
    return scores
