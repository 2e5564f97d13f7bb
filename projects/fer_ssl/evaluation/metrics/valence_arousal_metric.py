from __future__ import annotations

import numpy as np
from mmengine.registry import METRICS

from ...labels import IGNORE_VALENCE_AROUSAL
from ..functional.regression_scores import (
    concordance_sums,
    scores_from_concordance_sums,
)
from .frame_target_metric import FrameTargetMetric


@METRICS.register_module()
class ValenceArousalMetric(FrameTargetMetric):
    """Concordance of valence and arousal, as the ABAW challenge scores it.

    Returns ``ccc_valence`` and ``ccc_arousal`` in [-1, 1], computed over the
    whole set at once, and their mean ``ccc``, the score of the challenge. A
    frame counts if both are annotated. ``pred_score`` holds valence and
    arousal, (2,) or (w, 2), and is clipped to [-1, 1], the range of the ground
    truth.

    Args:
        kwargs: Arguments of :class:`FramePredictionMetric`.
    """

    headline = 'ccc'

    def bound(self, scores: np.ndarray) -> np.ndarray:
        return scores.clip(-1, 1)

    def labeled(self, labels: np.ndarray) -> np.ndarray:
        return (labels != IGNORE_VALENCE_AROUSAL).all(axis=1)

    def sums(self, truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
        return concordance_sums(truth, scores)

    def scores(self, sums: np.ndarray) -> dict[str, float]:
        return scores_from_concordance_sums(sums)
