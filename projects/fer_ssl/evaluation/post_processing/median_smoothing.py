"""Median of the scores over time."""

from __future__ import annotations

import numpy as np
from mmengine.registry import TASK_UTILS
from scipy.ndimage import median_filter

from .post_processor import check_window


@TASK_UTILS.register_module()
class MedianSmoothing:
    """Replace each score by its median over a centered window of frames.

    Unlike a mean, the median ignores single frames that are far off and keeps
    sudden changes sharp. Probabilities of classes need not sum to 1 after it.

    Args:
        window: Number of frames. Beyond both ends of the video, its first and
            its last frame are repeated. The median of an even number of
            frames is the larger one of both in the middle.
    """

    def __init__(self, window: int = 31) -> None:
        self.window = check_window(window)

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Smooth one video, (T, C) -> (T, C)."""
        # Column by column, because SciPy is faster in one dimension.
        columns = [
            median_filter(column, self.window, mode='nearest')
            for column in np.asarray(scores).T
        ]
        return np.stack(columns, axis=1)

    def __repr__(self) -> str:
        return f'MedianSmoothing(window={self.window})'
