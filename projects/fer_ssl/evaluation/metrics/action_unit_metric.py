from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.registry import METRICS

from ...labels import IGNORE_LABEL
from ..functional.action_unit_scores import (
    action_unit_counts,
    scores_from_action_unit_counts,
)
from .frame_target_metric import FrameTargetMetric


@METRICS.register_module()
class ActionUnitMetric(FrameTargetMetric):
    """F1 of action units in percent, as the ABAW challenge scores them.

    Returns ``f1_<unit>``, computed from the counts over the whole set, and
    their mean ``au_f1``, the score of the challenge. A frame counts only for
    the units that are annotated in it. ``pred_score`` holds probabilities,
    (A,) or (w, A).

    Args:
        threshold: Probability above which a unit is active; one for all
            units, or one for each.
        kwargs: Arguments of :class:`FramePredictionMetric`.
    """

    headline = 'au_f1'

    def __init__(
        self, threshold: float | Sequence[float] = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold

    def labeled(self, labels: np.ndarray) -> np.ndarray:
        return (labels != IGNORE_LABEL).any(axis=1)

    def sums(self, truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return action_unit_counts(truth, scores > np.asarray(self.threshold))

    def scores(self, sums: np.ndarray) -> dict[str, float]:
        return scores_from_action_unit_counts(sums, self.classes)
