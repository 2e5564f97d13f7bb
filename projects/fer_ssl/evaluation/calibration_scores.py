"""Scores of calibrations on faces that their fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np

from ..utils.balanced_folds import balanced_folds
from .calibration import Calibration
from .functional.calibration import (
    expected_calibration_error,
    negative_log_likelihood,
)
from .functional.classification_scores import (
    confusion_matrix,
    scores_from_confusion,
)
from .labeled_predictions import LabeledPredictions

#: Titles of the columns, and the names of their scores; NLL is in nats, the
#: others are in percent.
COLUMNS = {
    'macro-F1': 'macro_f1',
    'UAR': 'uar',
    'accuracy': 'accuracy',
    'NLL': 'nll',
    'ECE': 'ece',
}
#: Folds of a cross-validation, if there are as many people.
NUM_FOLDS = 5

#: Fits a calibration to the faces of some folds.
Fit = Callable[[LabeledPredictions], Calibration]


def probability_scores(
    probs: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> dict[str, float]:
    """Compute the scores of :data:`COLUMNS`.

    Args:
        probs: Probabilities, (N, C).
        labels: Class indices, (N,).
        classes: Names of the C classes.
    """
    confusion = confusion_matrix(labels, probs.argmax(axis=1), len(classes))
    scores = scores_from_confusion(confusion, classes)
    scores['nll'] = negative_log_likelihood(probs, labels)
    scores['ece'] = expected_calibration_error(probs, labels)
    return {key: scores[key] for key in COLUMNS.values()}


def make_folds(faces: LabeledPredictions, seed: int = 0) -> np.ndarray:
    """Divide labeled faces into folds with about the same classes.

    The faces of one group, such as a person, are in one fold. A face whose
    group is unknown is a group of its own.

    Args:
        faces: The faces.
        seed: Seed of the assignment.

    Returns:
        Fold of each face, (N,), :data:`NUM_FOLDS` of them or as many as there
        are groups.
    """
    names = [group or i for i, group in enumerate(faces.groups)]
    index = {name: i for i, name in enumerate(dict.fromkeys(names))}
    group_of = np.array([index[name] for name in names])
    counts = np.zeros((len(index), len(faces.classes)))
    np.add.at(counts, (group_of, faces.labels), 1)
    fractions = counts / np.maximum(counts.sum(axis=0), 1)
    num_folds = min(NUM_FOLDS, len(index))
    rng = np.random.default_rng(seed)
    folds = balanced_folds(fractions, num_folds, rng, refine=False)
    return folds[group_of]


def cross_validate(faces: LabeledPredictions, fit: Fit) -> np.ndarray:
    """Calibrate each fold of labeled faces by a fit to the other folds.

    Args:
        faces: The faces, of at least two groups.
        fit: Fits a calibration; it never gets a face, or another face of the
            same group, that its calibration is then applied to.

    Returns:
        Calibrated probabilities of all faces, (N, C).
    """
    folds = make_folds(faces)
    calibrated = np.empty_like(faces.probs)
    for fold in range(folds.max() + 1):
        calibration = fit(faces.select(folds != fold))
        calibrated[folds == fold] = calibration(faces.probs[folds == fold])
    return calibrated
