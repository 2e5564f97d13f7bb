"""Moving mean of the class probabilities."""

from __future__ import annotations

import numpy as np
from mmengine.registry import TASK_UTILS

from .post_processor import check_window, moving_mean


@TASK_UTILS.register_module()
class ProbabilitySmoothing:
    """Replace each frame's probabilities by their mean over a centered window.

    Unlike a vote, the mean gives confident frames more weight. The default is
    the best width in the public HSEmotion notebook of the 8th ABAW, on the
    Aff-Wild2 validation set: macro-F1 .3844 raw, .4237 with 50 frames on
    either side.

    Args:
        window: Number of frames; 101 = the frame itself, 50 before and 50
            after. Truncated at both ends of the video (see
            :func:`moving_mean`).
    """

    def __init__(self, window: int = 101) -> None:
        self.window = check_window(window)

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Smooth one video, (T, C) -> (T, C) float64."""
        return moving_mean(scores, self.window)

    def __repr__(self) -> str:
        return f'ProbabilitySmoothing(window={self.window})'
