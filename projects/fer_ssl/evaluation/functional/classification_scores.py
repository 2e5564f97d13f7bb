"""Expression scores from a confusion matrix: macro-F1, UAR and accuracy.

Every score is a function of the (C, C) matrix of counts: counts add up exactly
over batches, videos and ranks, whereas scores cannot be averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...labels import IGNORE_LABEL


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, num_classes: int
) -> np.ndarray:
    """Count pairs of truth and prediction over the annotated frames.

    Args:
        truth: Ground-truth class indices, (N,); ``IGNORE_LABEL`` = not
            annotated.
        predicted: Predicted class indices, (N,).
        num_classes: Number of classes C.

    Returns:
        Counts, (C, C) int64; row = truth, column = prediction.

    Raises:
        ValueError: If the lengths differ or an index is not a class.
    """
    truth = np.asarray(truth, dtype=np.int64)
    predicted = np.asarray(predicted, dtype=np.int64)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(
            'truth and predicted must be two (N,) arrays, got '
            f'{truth.shape} and {predicted.shape}.'
        )
    labeled = truth != IGNORE_LABEL
    truth, predicted = truth[labeled], predicted[labeled]
    for name, index in (('truth', truth), ('prediction', predicted)):
        wrong = index[(index < 0) | (index >= num_classes)]
        if wrong.size:
            raise ValueError(
                f'{name} {wrong[0]} is not one of the {num_classes} classes '
                f'(0 to {num_classes - 1}, {IGNORE_LABEL} = not annotated).'
            )
    counts = np.bincount(
        truth * num_classes + predicted, minlength=num_classes**2
    )
    return counts.reshape(num_classes, num_classes)


def class_f1(confusion: np.ndarray) -> np.ndarray:
    """Compute the F1 of each class, 2 TP / (2 TP + FP + FN) (paper A, Eq. 7).

    Args:
        confusion: Counts, (C, C); row = truth.

    Returns:
        F1 in [0, 1], (C,); 0 for a class that is neither true nor predicted.
    """
    hits = np.diagonal(confusion)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    return 2.0 * hits / np.maximum(total, 1)


def macro_f1(confusion: np.ndarray) -> float:
    """Compute the mean F1 over all C classes, in percent (paper A, Eq. 8).

    A class that never occurs has an F1 of 0 and still counts in the mean, as
    the ABAW challenges rule.
    """
    return 100.0 * float(class_f1(confusion).mean())


def scores_from_confusion(
    confusion: np.ndarray, classes: Sequence[str]
) -> dict[str, float]:
    """Compute all scores of one confusion matrix, in percent.

    Args:
        confusion: Counts, (C, C); row = truth.
        classes: Names of the C classes.

    Returns:
        ``macro_f1`` (over all C classes), ``uar`` (mean recall of the classes
        that occur in the truth), ``accuracy`` and ``f1_<class>``.

    Raises:
        ValueError: If the matrix is empty.
    """
    support = confusion.sum(axis=1)
    if not support.any():
        raise ValueError(
            'there is nothing to score: no sample of the set has a label.'
        )
    hits = np.diagonal(confusion)
    present = support > 0
    scores = {
        'macro_f1': macro_f1(confusion),
        'uar': 100.0 * float((hits[present] / support[present]).mean()),
        'accuracy': 100.0 * float(hits.sum() / support.sum()),
    }
    for name, value in zip(classes, class_f1(confusion)):
        scores[f'f1_{name}'] = 100.0 * float(value)
    return scores
