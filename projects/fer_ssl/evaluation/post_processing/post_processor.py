"""What the post-processors share: building them, and moving means.

A post-processor is any callable from the scores (T, C) of ONE video to new
scores (T, C). The metric, the predictor and the submission writer all build
theirs here, so that one config entry means the same in each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np
from mmengine.registry import TASK_UTILS
from scipy.ndimage import uniform_filter1d

PostProcessor = Callable[[np.ndarray], np.ndarray]


def build_post_processor(
    cfg: dict | PostProcessor | Sequence[dict | PostProcessor] | None,
) -> PostProcessor | None:
    """Build one post-processor, or a chain that is applied from left to right.

    Args:
        cfg: A ``TASK_UTILS`` config, a callable, a list of these, or None.

    Returns:
        A callable (T, C) -> (T, C), or None for None and for an empty list.
    """
    if not cfg:
        return None
    if isinstance(cfg, dict):
        return TASK_UTILS.build(cfg)
    if callable(cfg):
        return cfg
    steps = [build_post_processor(step) for step in cfg]

    def chain(scores: np.ndarray) -> np.ndarray:
        for step in steps:
            scores = step(scores)
        return scores

    return chain


def moving_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Centred moving mean in time, of the frames that exist.

    Frame t becomes the mean of frames ``t - window // 2`` to
    ``t - window // 2 + window - 1``: an odd window is symmetric, an even one
    reaches one frame further back than ahead (30: 15 before, 14 after), as in
    ``scipy.ndimage``. Unlike there, the window is cut at both ends of the
    video instead of being filled with invented frames. The cost does not
    depend on the window.

    Args:
        values: (T, C).
        window: Frames, at least 1.

    Returns:
        (T, C) float64; equal sums within a window are equal bit by bit.
    """
    num_frames = len(values)
    # zeros beyond both ends; then the share of the window that is inside
    mean = uniform_filter1d(
        values, window, axis=0, output=np.float64, mode='constant'
    )
    first = np.arange(num_frames) - window // 2
    last = np.minimum(first + window, num_frames)  # exclusive
    mean *= (window / (last - np.maximum(first, 0)))[:, None]
    return mean


def check_window(window: int) -> int:
    """Return the window if it is a number of frames, else raise."""
    if window != int(window) or window < 1:
        raise ValueError(
            f'window must be a number of frames >= 1, got {window}'
        )
    return int(window)
