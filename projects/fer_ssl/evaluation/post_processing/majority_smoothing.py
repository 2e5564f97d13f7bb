"""Majority vote of the predicted labels (paper A, section 3.5)."""

from __future__ import annotations

import numpy as np
from mmengine.registry import TASK_UTILS

from .post_processor import check_window, moving_mean


@TASK_UTILS.register_module()
class MajoritySmoothing:
    """Replace the label of each frame by the most frequent one in its window.

    According to paper A, the label that predominates within a window
    represents "all frames encompassed by that window"; the window has 30
    frames (section 4.2). This sentence has two readings, so there are two
    modes:

    - ``'sliding'``: every frame gets the majority of the window centered on
      it, from 15 frames before to 14 after for a window of 30; the window is
      truncated at both ends of the video (see :func:`moving_mean`).
    - ``'block'``: the video is divided into consecutive windows, frames 1-30,
      31-60, ..., and all frames of a window get its majority; the last window
      is shorter if T is not a multiple of the window.

    Among equally frequent labels the smallest class index wins, as in
    ``scipy.stats.mode``.

    Args:
        window: Frames per window.
        mode: ``'sliding'`` or ``'block'``.
    """

    def __init__(self, window: int = 30, mode: str = 'sliding') -> None:
        if mode not in ('sliding', 'block'):
            raise ValueError(f"mode must be 'sliding' or 'block', got {mode}.")
        self.window = check_window(window)
        self.mode = mode

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Smooth one video.

        Args:
            scores: Scores of every frame, (T, C); only their argmax is used.

        Returns:
            Fraction of the votes for each class, (T, C) float64. Rows sum to 1
            and their argmax is the smoothed label.
        """
        votes = np.zeros(scores.shape, dtype=np.int32)
        votes[np.arange(len(scores)), scores.argmax(axis=1)] = 1
        if self.mode == 'sliding':
            return moving_mean(votes, self.window)
        starts = np.arange(0, len(scores), self.window)
        lengths = np.diff(starts, append=len(scores))
        fractions = np.add.reduceat(votes, starts) / lengths[:, None]
        return np.repeat(fractions, lengths, axis=0)

    def __repr__(self) -> str:
        return f'MajoritySmoothing(window={self.window}, mode={self.mode!r})'
