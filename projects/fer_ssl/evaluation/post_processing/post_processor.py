"""Building of post-processors, and the moving mean that they share.

A post-processor is any callable that maps the scores (T, C) of ONE video to
new scores (T, C). The metrics and the inferencer both build theirs here, so a
config entry means the same in each of them.
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
        A callable (T, C) -> (T, C), or None if there is nothing to apply.
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
    """Compute the centered moving mean over time.

    Frame t becomes the mean of frames ``t - window // 2`` to
    ``t - window // 2 + window - 1``: an odd window is symmetric, an even one
    reaches one frame further back than ahead (30: 15 before, 14 after), as in
    ``scipy.ndimage``. Unlike there, the window is truncated at both ends of
    the video instead of being padded. The cost does not depend on the window.

    Args:
        values: Values of each frame, (T, C).
        window: Number of frames, at least 1.

    Returns:
        (T, C) float64; windows of equal sums get means that are equal bit by
        bit.
    """
    num_frames = len(values)
    # Pads with zeros; rescaled below to the frames inside the video.
    mean = uniform_filter1d(
        values, window, axis=0, output=np.float64, mode='constant'
    )
    first = np.arange(num_frames) - window // 2
    last = np.minimum(first + window, num_frames)  # exclusive
    mean *= (window / (last - np.maximum(first, 0)))[:, None]
    return mean


def fill_frames(
    values: np.ndarray, known: np.ndarray, num_frames: int
) -> np.ndarray:
    """Interpolate known frames over a whole video.

    Args:
        values: Values of K >= 1 known frames, (K, C).
        known: Their 0-based frames, ascending, (K,).
        num_frames: Length T of the video.

    Returns:
        (T, C): interpolated linearly over time; the first and the last known
        values are repeated at both ends.
    """
    frames = np.arange(num_frames)
    columns = [np.interp(frames, known, column) for column in values.T]
    return np.stack(columns, axis=1)


def check_window(window: int) -> int:
    """Return the window as int, or raise a ValueError."""
    if window != int(window) or window < 1:
        raise ValueError(
            f'window must be a number of frames >= 1, got {window}.'
        )
    return int(window)
