from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class WindowTable:
    """Predictions of N windows of videos in a few arrays.

    As dictionaries, a million windows take a kilobyte each, and most of the
    time of a collection over several processes goes into pickling them.

    Attributes:
        videos: Names of the videos, each once.
        video: Index in ``videos`` of each window, int64 (N,).
        start: First frame of each window, 0-based, int64 (N,).
        size: Number of frames of each window, int64 (N,).
        scores: Scores of the frames of all windows one after another,
            (sum of sizes, C).
        valid: Whether each of these frames counts, bool (sum of sizes,).
    """

    videos: list[str]
    video: np.ndarray
    start: np.ndarray
    size: np.ndarray
    scores: np.ndarray
    valid: np.ndarray

    @classmethod
    def from_windows(
        cls, windows: Iterable[Mapping], num_columns: int
    ) -> WindowTable:
        """Convert the windows of :meth:`VideoPredictions.from_windows`.

        Args:
            windows: Mappings with ``video``, ``start``, ``scores`` (w, C)
                and, optionally, ``valid`` (w,).
            num_columns: C.

        Raises:
            ValueError: A window has another number of columns.
        """
        numbers: dict[str, int] = {}
        video, start, size = [], [], []
        # One empty window, as nothing can be concatenated from no arrays.
        scores = [np.zeros((0, num_columns), dtype=np.float32)]
        valid = [np.zeros(0, dtype=bool)]
        for window in windows:
            values = np.asarray(window['scores'])
            if values.shape[1:] != (num_columns,):
                raise ValueError(
                    f'video {window["video"]}: the scores of a window are '
                    f'{values.shape}, but there are {num_columns} columns.'
                )
            known = window.get('valid')
            if known is None:
                known = np.ones(len(values), dtype=bool)
            video.append(numbers.setdefault(window['video'], len(numbers)))
            start.append(int(window['start']))
            size.append(len(values))
            scores.append(values)
            valid.append(np.asarray(known, dtype=bool))
        return cls(
            list(numbers),
            *(np.array(x, dtype=np.int64) for x in (video, start, size)),
            np.concatenate(scores),
            np.concatenate(valid),
        )

    @classmethod
    def in_turn(cls, parts: Sequence[WindowTable]) -> WindowTable:
        """Join the windows of W ranks, of which rank r has r, r + W, ..."""
        numbers: dict[str, int] = {}
        video, turn = [], []
        for rank, part in enumerate(parts):
            own = [numbers.setdefault(x, len(numbers)) for x in part.videos]
            video.append(np.array(own, dtype=np.int64)[part.video])
            turn.append(rank + len(parts) * np.arange(len(part.video)))
        turn = np.concatenate(turn)
        size = np.concatenate([part.size for part in parts])
        order = np.argsort(turn)
        # Stable, so that the frames of a window stay in their order.
        frames = np.argsort(np.repeat(turn, size), kind='stable')
        return cls(
            list(numbers),
            np.concatenate(video)[order],
            np.concatenate([part.start for part in parts])[order],
            size[order],
            np.concatenate([part.scores for part in parts])[frames],
            np.concatenate([part.valid for part in parts])[frames],
        )

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where the frames of ``scores`` are.

        Returns:
            The window of each frame, and its 0-based place in it.
        """
        window = np.repeat(np.arange(len(self.size)), self.size)
        ends = np.cumsum(self.size)
        return window, np.arange(len(window)) - (ends - self.size)[window]
