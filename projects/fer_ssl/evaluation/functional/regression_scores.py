"""Concordance correlation of valence and arousal over a whole set.

Every score is a function of six sums per column: sums add up exactly over
batches, videos and ranks, whereas the mean of the concordances of the parts is
not the concordance of the whole.
"""

from __future__ import annotations

import numpy as np

from ...labels import ABAW_VALENCE_AROUSAL, IGNORE_VALENCE_AROUSAL

_EPSILON = 1e-8


def concordance_sums(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Compute the sums from which the concordance follows.

    Frames that are not annotated in all columns are left out.

    Args:
        truth: Ground truth, (N, C); ``IGNORE_VALENCE_AROUSAL`` = not
            annotated.
        predicted: Predictions, (N, C).

    Returns:
        (C, 6) float64: N, and the sums of truth t, prediction p, t^2, p^2 and
        t p.

    Raises:
        ValueError: If the shapes differ, or are not two-dimensional.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 2:
        raise ValueError(
            'truth and predicted must be two (N, C) arrays, got '
            f'{truth.shape} and {predicted.shape}.'
        )
    # Contiguous columns make the sums along them several times as fast.
    truth = np.ascontiguousarray(truth.T, dtype=np.float64)
    predicted = np.ascontiguousarray(predicted.T, dtype=np.float64)
    known = (truth != IGNORE_VALENCE_AROUSAL).all(axis=0)
    return np.array(
        [
            (len(t), t.sum(), p.sum(), t @ t, p @ p, t @ p)
            for t, p in zip(truth[:, known], predicted[:, known])
        ],
        dtype=np.float64,
    ).reshape(-1, 6)


def concordance(sums: np.ndarray) -> np.ndarray:
    """Compute Lin's concordance correlation coefficient of each column.

    2 s_tp / (s_t^2 + s_p^2 + (m_t - m_p)^2) with population statistics
    (divided by N), as the ABAW challenges score it. A small epsilon in the
    denominator makes it 0 where truth and prediction are the same constant.

    Args:
        sums: Result of :func:`concordance_sums`, or a sum of several, (C, 6).

    Returns:
        Coefficients in [-1, 1], (C,).
    """
    mean_t, mean_p, mean_tt, mean_pp, mean_tp = (
        sums[:, 1:] / np.maximum(sums[:, :1], 1)
    ).T
    covariance = mean_tp - mean_t * mean_p
    # mean_tt - mean_t^2 + mean_pp - mean_p^2 + (mean_t - mean_p)^2
    denominator = mean_tt + mean_pp - 2 * mean_t * mean_p
    return 2 * covariance / (np.maximum(denominator, 0) + _EPSILON)


def scores_from_concordance_sums(sums: np.ndarray) -> dict[str, float]:
    """Compute ``ccc_valence``, ``ccc_arousal`` and their mean ``ccc``.

    ``ccc`` is the score of the ABAW challenge.

    Args:
        sums: Sums of :func:`concordance_sums`, (2, 6).
    """
    values = concordance(sums)
    scores = {'ccc': float(values.mean())}
    for name, value in zip(ABAW_VALENCE_AROUSAL, values):
        scores[f'ccc_{name}'] = float(value)
    return scores
