"""Replacing of uncertain frames by their neighbors."""

from __future__ import annotations

import numpy as np
from mmengine.registry import TASK_UTILS

from .post_processor import fill_frames


@TASK_UTILS.register_module()
class ConfidenceGate:
    """Let uncertain frames take the distribution of their neighbors.

    A frame whose largest probability is below the threshold counts as unknown.
    It gets the probabilities of the nearest frames that are known, before and
    after it, interpolated linearly over time, like a frame without a face. A
    video without any known frame stays as it is.

    Args:
        threshold: Probability that the largest one of a frame must reach, from
            0 (no frame is replaced) to 1.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(
                f'threshold must be a probability, got {threshold}.'
            )
        self.threshold = threshold

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Replace the uncertain frames of one video, (T, C) -> (T, C)."""
        known = np.flatnonzero(scores.max(axis=1) >= self.threshold)
        if known.size == 0:
            return scores
        return fill_frames(scores[known], known, len(scores))

    def __repr__(self) -> str:
        return f'ConfidenceGate(threshold={self.threshold})'
