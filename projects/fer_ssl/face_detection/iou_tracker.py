from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.registry import TASK_UTILS
from scipy.optimize import linear_sum_assignment

# Weight of the latest step in the moving average of a track's speed.
_NEW_SPEED = 0.5


@TASK_UTILS.register_module()
class IoUTracker:
    """Tracker that links the boxes of successive frames to tracks.

    The Hungarian method matches boxes and tracks such that the total overlap
    (intersection over union) between boxes and expected positions is largest.
    A track is expected to continue at its current speed, also for some time
    after it was last seen; this keeps two people apart whose paths cross. The
    tracker does not look at the pixels: after a cut, another face at the same
    place continues the track.

    Args:
        min_iou: Minimum overlap of a match.
        max_gap: Seconds without a face after which a track ends.

    Raises:
        ValueError: An argument is out of range.
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
        """Begin a new video; track IDs start at 1 again."""
        self._next = 1
        self._last = -np.inf
        self._tracks: dict[int, _Track] = {}

    @property
    def live(self) -> set[int]:
        """IDs of the tracks that may continue."""
        return set(self._tracks)

    def update(self, boxes: Sequence[Sequence[float]], time: float) -> list:
        """Assign a track ID to each of the n faces of the next frame.

        Args:
            boxes: Left, top, right, bottom of each face, (n, 4).
            time: Time of the frame in seconds; must not decrease.

        Returns:
            Track IDs of the n faces; faces without a match get new ones.
        """
        self._tracks = {
            track_id: track
            for track_id, track in self._tracks.items()
            # Tracks of the previous frame stay alive even if the frames are
            # further apart than max_gap.
            if track.time == self._last or time - track.time <= self.max_gap
        }
        self._last = time
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        track_ids = [0] * len(boxes)
        known = list(self._tracks)
        expected = [self._tracks[x].expected(time) for x in known]
        overlap = iou(boxes, np.reshape(expected, (-1, 4)))
        # A pair that cannot match must not influence the other matches.
        overlap[overlap < self.min_iou] = 0.0
        for i, j in zip(*linear_sum_assignment(overlap, maximize=True)):
            if overlap[i, j] > 0:
                track_ids[i] = known[j]
                self._tracks[known[j]].move(boxes[i], time)
        for i, track_id in enumerate(track_ids):
            if not track_id:
                track_ids[i] = self._next
                self._tracks[self._next] = _Track(boxes[i], time)
                self._next += 1
        return track_ids


class _Track:
    """Where a face was last seen, and how it moves."""

    def __init__(self, box: np.ndarray, time: float) -> None:
        self.box = box
        self.time = time
        self.speed = np.zeros(2)  # pixels per second

    def expected(self, time: float) -> np.ndarray:
        """Extrapolate the box to a time at the current speed."""
        step = self.speed * (time - self.time)
        return self.box + np.tile(step, 2)

    def move(self, box: np.ndarray, time: float) -> None:
        """Continue the track with a new box."""
        if time > self.time:  # two frames may have the same time
            step = (box - self.box).reshape(2, 2).mean(axis=0)
            speed = step / (time - self.time)
            self.speed += _NEW_SPEED * (speed - self.speed)
        self.box, self.time = box, time


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute the intersection over union of (n, 4) and (m, 4) boxes."""
    first = np.maximum(a[:, None, :2], b[None, :, :2])
    last = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = (last - first).clip(0).prod(axis=2)
    areas = [(x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a, b)]
    return common / (areas[0][:, None] + areas[1] - common)
