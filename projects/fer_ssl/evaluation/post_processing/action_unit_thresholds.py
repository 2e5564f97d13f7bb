"""One threshold per action unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.registry import TASK_UTILS
from scipy.special import expit, logit

from ..thresholds import best_thresholds, stack_frames
from ..video_predictions import VideoPredictions

# Keeps the logarithms finite.
_MARGIN = 1e-6


@TASK_UTILS.register_module()
class ActionUnitThresholds:
    """Shift the probabilities of action units so that all thresholds are 0.5.

    The threshold t of a unit becomes the bias -logit(t) of its probability p::

        sigmoid(logit(p) - logit(t))

    which is above 0.5 if and only if p is above t. So the steps and metrics
    that follow need no thresholds of their own.

    Args:
        thresholds: Probability above which a unit is active, one per unit,
            (A,), in (0, 1); ``None`` = 0.5. A fit finds those of the largest
            F1 (:func:`.thresholds.best_thresholds`).
    """

    def __init__(self, thresholds: Sequence[float] | None = None) -> None:
        if thresholds is not None and not all(0 < x < 1 for x in thresholds):
            raise ValueError(
                f'thresholds must be between 0 and 1, got {thresholds}.'
            )
        self.thresholds = thresholds

    def fit(self, predictions: VideoPredictions) -> None:
        """Find the thresholds of the largest F1 on labeled videos."""
        found = best_thresholds(*stack_frames([predictions]))
        self.thresholds = found.clip(_MARGIN, 1 - _MARGIN).tolist()

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Shift the probabilities of one video, (T, A) -> (T, A) float64."""
        scores = np.asarray(scores, np.float64)
        if self.thresholds is None:
            return scores
        logits = logit(scores.clip(_MARGIN / 10, 1 - _MARGIN / 10))
        return expit(logits - logit(self.thresholds))

    def __repr__(self) -> str:
        values = self.thresholds and [round(x, 4) for x in self.thresholds]
        return f'ActionUnitThresholds(thresholds={values})'
