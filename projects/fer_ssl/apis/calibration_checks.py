"""Errors and warnings about the faces of a calibration."""

from __future__ import annotations

import logging

import numpy as np
from mmengine.logging import print_log

from ..evaluation.calibration import Calibration
from ..evaluation.fit_calibration import MIN_PRIOR
from ..evaluation.labeled_predictions import LabeledPredictions

#: Fewer faces are refused, and a class with fewer labels causes a warning.
MIN_FACES, MIN_PER_CLASS = 20, 10
LABELS_FIRST = (
    'EM needs a network whose probabilities of each class are calibrated, or '
    'it may remove a class: calibrate first with labels, such as those of '
    'faces that were held out of the training.'
)


def warn(message: str) -> None:
    """Log a warning."""
    print_log(message, 'current', logging.WARNING)


def check_faces(source: str, faces: LabeledPredictions, method: str) -> None:
    """Refuse too few faces, and warn of classes with few labels."""
    what = 'faces' if method == 'em' else 'labeled faces'
    if len(faces) < MIN_FACES:
        raise ValueError(
            f'{source}: {len(faces)} {what}, which are too few for a '
            f'calibration. Give at least {MIN_FACES}.'
        )
    if method == 'em':
        return
    counts = np.bincount(faces.labels, minlength=len(faces.classes))
    few = {n: c for n, c in zip(faces.classes, counts) if c < MIN_PER_CLASS}
    if few:
        listed = ', '.join(f'{name} {count}' for name, count in few.items())
        warn(
            f'{source}: some classes have few labeled faces: {listed}. A '
            'class that is rare among the labels becomes rare among the '
            'predictions. Add faces of it if it is not rare in your images.'
        )


def warn_of_em(
    checkpoint: str, first: Calibration | None, prior: np.ndarray | None
) -> None:
    if first is None or not first.has_fitted_biases:
        warn(f'{checkpoint}: no labels have calibrated it. {LABELS_FIRST}')
    if prior is None:
        warn(
            f'{checkpoint}: nothing in it says that the classes of its '
            'training were balanced, which EM assumes. If they were not, give '
            'the number of faces of each class by --trained-on.'
        )


def warn_of_lost_classes(source: str, own: Calibration) -> None:
    lost = [
        name
        for name, prior in zip(own.classes, own.prior)
        if prior < 2 * MIN_PRIOR
    ]
    if lost:
        warn(
            f'{source}: EM finds hardly any face of {", ".join(lost)}, so the '
            'calibrated network will not predict this. If there are some, '
            'calibrate with labels.'
        )


def can_be_scored(source: str, faces: LabeledPredictions) -> bool:
    """Return whether there are labels of two groups for a cross-validation."""
    groups = {group or row for row, group in enumerate(faces.groups)}
    if len(groups) == 1:
        warn(
            f'{source}: all labeled faces are of one person or video, so '
            'there is no cross-validation.'
        )
    return len(groups) > 1
