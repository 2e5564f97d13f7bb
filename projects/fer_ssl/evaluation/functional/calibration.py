"""Calibration of class probabilities, and the distance from being calibrated.

Probabilities are calibrated if, of all faces that get a class with probability
p, the fraction p is of that class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

#: Number of bins of equal width in which confidence and accuracy are compared,
#: as in Guo et al. (ICML 2017).
NUM_BINS = 15
# Stands for a probability of 0, whose logarithm would be infinite.
_SMALLEST = np.finfo(np.float32).tiny


def log_probabilities(probs: np.ndarray) -> np.ndarray:
    """Return the finite logarithms, float64, of probabilities (..., C)."""
    return np.log(np.maximum(np.asarray(probs, np.float64), _SMALLEST))


def calibrate(
    probs: np.ndarray, temperature: float, bias: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Calibrate probabilities by a temperature and one bias per class.

    This is bias-corrected temperature scaling (Alexandari et al., ICML 2020)::

        softmax(log(probs) / temperature + bias)

    A temperature above 1 makes the network less confident. A positive bias
    makes a class more frequent. Temperature 1 and bias 0 change nothing.

    Args:
        probs: Probabilities that the network predicts, (..., C).
        temperature: Number above 0.
        bias: One number per class, (C,).

    Returns:
        Probabilities of the same shape and type.
    """
    logits = log_probabilities(probs) / temperature + np.asarray(bias)
    return softmax(logits, axis=-1).astype(np.asarray(probs).dtype)


def negative_log_likelihood(probs: np.ndarray, labels: np.ndarray) -> float:
    """Compute the mean negative log-likelihood of the labels, in nats.

    Args:
        probs: Probabilities, (N, C).
        labels: Class indices, (N,).
    """
    rows = np.arange(len(labels))
    return -float(log_probabilities(probs)[rows, labels].mean())


def reliability(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compare confidence and accuracy in bins of equal width.

    The confidence of a face is the largest of its probabilities; bin m of M
    holds the confidences in ((m - 1) / M, m / M].

    Args:
        probs: Probabilities, (N, C).
        labels: Class indices, (N,).

    Returns:
        One row per bin, (:data:`NUM_BINS`, 3) float64: number of faces, their
        mean confidence, and the fraction whose most probable class is right.
        The last two are 0 in a bin without faces.
    """
    probs = np.asarray(probs, np.float64)
    confidence = probs.max(axis=1)
    correct = probs.argmax(axis=1) == labels
    bins = np.ceil(confidence * NUM_BINS).astype(np.int64) - 1
    bins = bins.clip(0, NUM_BINS - 1)  # of rounding
    counts, confidences, hits = (
        np.bincount(bins, weights, NUM_BINS)
        for weights in (None, confidence, correct)
    )
    filled = np.maximum(counts, 1)
    return np.stack([counts, confidences / filled, hits / filled], axis=1)


def expected_calibration_error(probs: np.ndarray, labels: np.ndarray) -> float:
    """Compute the ECE in percent (Guo et al., ICML 2017, Eq. 3).

    This is the mean, over all faces, of the distance between confidence and
    accuracy in the bin of each face, see :func:`reliability`.

    Args:
        probs: Probabilities, (N, C).
        labels: Class indices, (N,).
    """
    counts, confidence, accuracy = reliability(probs, labels).T
    gaps = np.abs(confidence - accuracy)
    return 100 * float((counts * gaps).sum() / counts.sum())
