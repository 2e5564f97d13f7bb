"""Gaussian mean of the scores over time."""

from __future__ import annotations

import numpy as np
from mmengine.registry import TASK_UTILS
from scipy.ndimage import gaussian_filter1d


@TASK_UTILS.register_module()
class GaussianSmoothing:
    """Replace each frame's scores by their mean with Gaussian weights.

    Frame t + k has the weight exp(-k^2 / (2 sigma^2)), up to 4 sigma. As in
    :class:`ProbabilitySmoothing`, frames beyond both ends of the video have
    the weight 0.

    Args:
        sigma: Standard deviation of the weights in frames; 0 changes nothing.
    """

    def __init__(self, sigma: float = 15.0) -> None:
        if not sigma >= 0:
            raise ValueError(f'sigma must be at least 0 frames, got {sigma}.')
        self.sigma = sigma

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Smooth one video, (T, C) -> (T, C) float64."""
        scores = np.asarray(scores, np.float64)
        if not self.sigma:
            return scores
        # Pads with zeros; divided below by the weights inside the video.
        weights = np.ones((len(scores), 1))
        sums, mass = (
            gaussian_filter1d(x, self.sigma, axis=0, mode='constant')
            for x in (scores, weights)
        )
        return sums / mass

    def __repr__(self) -> str:
        return f'GaussianSmoothing(sigma={self.sigma})'
