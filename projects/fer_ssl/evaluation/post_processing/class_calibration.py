"""Calibration of the class probabilities, with logit adjustment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.registry import TASK_UTILS

from ...labels import IGNORE_LABEL
from ..fit_calibration import MIN_PRIOR, fit_calibration
from ..functional.calibration import calibrate
from ..video_predictions import VideoPredictions


@TASK_UTILS.register_module()
class ClassCalibration:
    """Calibrate the class probabilities of every frame.

    The probabilities become softmax(log(p) / T + b), see
    :func:`.functional.calibration.calibrate`. Temperature T and biases b are
    given, or fitted to labeled videos: first those of the largest likelihood
    (:func:`.fit_calibration`), then the logit adjustment of Menon et al.
    (arXiv 2007.07314), which removes the class frequencies pi of the labels::

        b = b_likelihood - adjustment * log(pi)

    Without adjustment, the most probable class maximizes the accuracy on such
    videos; with 1, it maximizes the mean recall of the classes. The macro-F1
    is in between.

    Args:
        temperature: Number above 0.
        bias: One number per class, (C,); ``None`` = 0.
        adjustment: Strength of the logit adjustment in a fit, 0 or more.
    """

    def __init__(
        self,
        temperature: float = 1.0,
        bias: Sequence[float] | None = None,
        adjustment: float = 1.0,
    ) -> None:
        self.temperature = temperature
        self.bias = bias
        self.adjustment = adjustment

    def fit(self, predictions: VideoPredictions) -> None:
        """Fit temperature and biases to all labeled frames of some videos."""
        known = [v for v in predictions if v.labels is not None]
        labels = np.concatenate([v.labels for v in known])
        probs = np.concatenate([v.scores for v in known])
        labeled = labels != IGNORE_LABEL
        labels, probs = labels[labeled], probs[labeled]
        classes = predictions.classes
        fitted = fit_calibration(
            probs, labels, classes, 'labels', np.ones(len(classes))
        )
        prior = np.array(fitted.faces_per_class) / len(labels)
        prior = prior.clip(MIN_PRIOR)
        bias = np.array(fitted.bias) - self.adjustment * np.log(prior)
        self.temperature = fitted.temperature
        self.bias = (bias - bias.mean()).tolist()

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Calibrate one video, (T, C) -> (T, C)."""
        return calibrate(scores, self.temperature, self.bias or 0)

    def __repr__(self) -> str:
        bias = self.bias and [round(x, 4) for x in self.bias]
        return (
            f'ClassCalibration(temperature={self.temperature:.4g}, '
            f'bias={bias})'
        )
