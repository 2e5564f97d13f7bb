from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.registry import TASK_UTILS
from scipy.optimize import linear_sum_assignment

# Share of the newest step in the speed of a track.
_NEW_SPEED = 0.5


@TASK_UTILS.register_module()
class IoUTracker:
    """Says which faces of neighbouring pictures are the same one.

    Boxes are matched so that the sum of their overlaps (intersection over
    union) with where each track is expected is largest, by the Hungarian
    method. A track is expected to go on at its speed, which keeps two people
    apart whose paths cross, and for some time after it was last seen. It does
    not look at the pictures: after a cut, another face at the same place goes
    on with the same number.

    Args:
        min_iou: Smallest overlap of a match.
        max_gap: Seconds without a face after which a track ends.
    """

    def __init__(self, min_iou: float = 0.3, max_gap: float = 0.5) -> None:
        if not 0 < min_iou <= 1:
            raise ValueError(f'min_iou={min_iou}: must be in (0, 1].')
        if max_gap < 0:
            raise ValueError(f'max_gap={max_gap}: must not be negative.')
        self.min_iou = min_iou
        self.max_gap = max_gap
        self.reset()

    def reset(self) -> None:
        """Begin a new video; numbers count from 1 again."""
        self._next = 1
        self._last = -np.inf
        self._tracks: dict[int, _Track] = {}

    @property
    def live(self) -> set[int]:
        """Numbers of the tracks that may go on."""
        return set(self._tracks)

    def update(self, boxes: Sequence[Sequence[float]], time: float) -> list:
        """Number of each of n faces of the next picture.

        Args:
            boxes: n times left, top, right, bottom.
            time: Of the picture, in seconds; ascending.

        Returns:
            n numbers, those of new faces included.
        """
        self._tracks = {
            number: track
            for number, track in self._tracks.items()
            # Pictures may be further apart than the gap.
            if track.time == self._last or time - track.time <= self.max_gap
        }
        self._last = time
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        numbers = [0] * len(boxes)
        known = list(self._tracks)
        expected = [self._tracks[x].expected(time) for x in known]
        overlap = iou(boxes, np.reshape(expected, (-1, 4)))
        # What cannot match must not decide on what can.
        overlap[overlap < self.min_iou] = 0.0
        for i, j in zip(*linear_sum_assignment(overlap, maximize=True)):
            if overlap[i, j] > 0:
                numbers[i] = known[j]
                self._tracks[known[j]].move(boxes[i], time)
        for i, number in enumerate(numbers):
            if not number:
                numbers[i] = self._next
                self._tracks[self._next] = _Track(boxes[i], time)
                self._next += 1
        return numbers


class _Track:
    """Where a face was last seen, and how it moves."""

    def __init__(self, box: np.ndarray, time: float) -> None:
        self.box = box
        self.time = time
        self.speed = np.zeros(2)  # pixels per second

    def expected(self, time: float) -> np.ndarray:
        step = self.speed * (time - self.time)
        return self.box + np.tile(step, 2)

    def move(self, box: np.ndarray, time: float) -> None:
        if time > self.time:
            step = (box - self.box).reshape(2, 2).mean(axis=0)
            speed = step / (time - self.time)
            self.speed += _NEW_SPEED * (speed - self.speed)
        self.box, self.time = box, time


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) and (m, 4); (n, m)."""
    first = np.maximum(a[:, None, :2], b[None, :, :2])
    last = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = (last - first).clip(0).prod(axis=2)
    areas = [(x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a, b)]
    return common / (areas[0][:, None] + areas[1] - common)
