"""Most likely sequence of classes (Viterbi)."""

from __future__ import annotations

import numpy as np
from mmengine.registry import TASK_UTILS

from ..functional.calibration import log_probabilities


@TASK_UTILS.register_module()
class ViterbiSmoothing:
    """Replace the classes of a video by their most likely sequence.

    The sequence c maximizes, by dynamic programming (Forney, 1973)::

        sum_t log p_t(c_t) - switch_cost * (number of t with c_t != c_(t-1))

    This is a hidden Markov model in which a class stays for another frame
    with probability s, and otherwise becomes each of the other C - 1 classes
    equally often: switch_cost = log(s (C - 1) / (1 - s)). Probabilities of
    neighboring frames are not independent, so useful costs are larger than s
    of the labels suggests.

    Args:
        switch_cost: Cost of a change of the class, in nats; 0 keeps the most
            probable class of every frame.
    """

    def __init__(self, switch_cost: float = 10.0) -> None:
        if not switch_cost >= 0:
            raise ValueError(
                f'switch_cost must be at least 0 nats, got {switch_cost}.'
            )
        self.switch_cost = switch_cost

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Decode one video.

        Args:
            scores: Class probabilities of every frame, (T, C).

        Returns:
            1 for the class of each frame and 0 for the others, (T, C) float64.
            Of equally likely sequences, a class that stays wins, and then the
            smallest class index.
        """
        logs = log_probabilities(scores)
        num_frames, num_classes = logs.shape
        stays = np.arange(num_classes)
        # Entry t, c: class of frame t - 1 on the best way to class c.
        origins = np.empty((num_frames, num_classes), dtype=np.int64)
        total = logs[0]
        for t in range(1, num_frames):
            best = total.argmax()
            switched = total[best] - self.switch_cost
            origins[t] = np.where(total >= switched, stays, best)
            total = np.maximum(total, switched) + logs[t]
        labels = np.empty(num_frames, dtype=np.int64)
        labels[-1] = total.argmax()
        for t in range(num_frames - 1, 0, -1):
            labels[t - 1] = origins[t, labels[t]]
        return np.eye(num_classes)[labels]

    def __repr__(self) -> str:
        return f'ViterbiSmoothing(switch_cost={self.switch_cost})'
