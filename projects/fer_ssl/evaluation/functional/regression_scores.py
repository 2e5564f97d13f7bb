"""Concordance correlation of valence and arousal over a whole set.

Every score is a function of six sums per column: sums add up exactly over
batches, videos and ranks, whereas the mean of the concordances of the parts is
not the concordance of the whole.
"""

from __future__ import annotations

import numpy as np

from ...labels import ABAW_VALENCE_AROUSAL, IGNORE_VALENCE_AROUSAL

# Part of a mean square below which a variance is rounding error.
_ROUNDING = 1e-14


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
    # ``sum`` adds in pairs, which loses fewer digits than a dot product.
    return np.array(
        [
            (len(t), *(x.sum() for x in (t, p, t * t, p * p, t * p)))
            for t, p in zip(truth[:, known], predicted[:, known])
        ],
        dtype=np.float64,
    ).reshape(-1, 6)


def population_statistics(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Compute means, variances and covariance of each column.

    A variance that float64 cannot tell from that of a constant (a standard
    deviation below about 1e-7 of the values) is 0.

    Args:
        sums: Result of :func:`concordance_sums`, or a sum of several, (C, 6).

    Returns:
        Mean of the truth and of the prediction, variance of the truth and of
        the prediction, and their covariance, (C,) each; all 0 without frames.
    """
    mean_t, mean_p, mean_tt, mean_pp, mean_tp = (
        sums[:, 1:] / np.maximum(sums[:, :1], 1)
    ).T
    variance_t, variance_p = (
        np.where(square - mean**2 > _ROUNDING * square, square - mean**2, 0)
        for mean, square in ((mean_t, mean_tt), (mean_p, mean_pp))
    )
    both_vary = (variance_t > 0) & (variance_p > 0)
    covariance = np.where(both_vary, mean_tp - mean_t * mean_p, 0)
    return mean_t, mean_p, variance_t, variance_p, covariance


def concordance(sums: np.ndarray) -> np.ndarray:
    """Compute Lin's concordance correlation coefficient of each column.

    2 s_tp / (s_t^2 + s_p^2 + (m_t - m_p)^2) with population statistics
    (divided by N), as the ABAW challenges score it. It is 0 where truth or
    prediction is constant, even if both are the same constant.

    Args:
        sums: Result of :func:`concordance_sums`, or a sum of several, (C, 6).

    Returns:
        Coefficients in [-1, 1], (C,).
    """
    mean_t, mean_p, variance_t, variance_p, covariance = population_statistics(
        sums
    )
    denominator = variance_t + variance_p + (mean_t - mean_p) ** 2
    # Without an epsilon, which would count for almost constant annotations.
    values = 2 * covariance / np.where(denominator > 0, denominator, 1)
    return values.clip(-1, 1)  # of rounding


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
