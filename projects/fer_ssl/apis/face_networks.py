"""Networks of the two phases, applied to the streamed faces of a video.

Both return windows for :meth:`FacePredictions.from_windows`: the scores of
consecutive frames of one track. These are the probabilities of the C classes,
followed by the K values of the other tasks of a network, such as valence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from ..evaluation.calibration import Calibration
from ..evaluation.metrics.frame_prediction_metric import to_numpy
from ..models.frame_recognizer import FrameRecognizer
from .task_values import has_several_tasks, ordered_tasks, value_names

# Faces per forward pass; bounds memory for frames with many people.
_MAX_FACES = 64


class FaceNetwork:
    """Base of networks that predict the faces of a video.

    Args:
        model: Network in eval mode, on its device.

    Attributes:
        calibration: Applied to the probabilities of every face; ``None``
            leaves them as they are.
        value_names: Names of the K values.
    """

    calibration: Calibration | None = None
    value_names: tuple[str, ...] = ()

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @property
    def num_classes(self) -> int:
        """Number C of expressions."""
        raise NotImplementedError

    def calibrated(self, scores: np.ndarray) -> np.ndarray:
        """Apply the calibration to the probabilities in scores (n, C + K)."""
        if self.calibration is None:
            return scores
        count = self.num_classes
        probabilities = self.calibration(scores[:, :count])
        return np.concatenate([probabilities, scores[:, count:]], axis=1)

    def no_scores(self) -> np.ndarray:
        """Return the scores of no face, (0, C + K)."""
        width = self.num_classes + len(self.value_names)
        return np.zeros((0, width), np.float32)

    def reset(self) -> None:
        """Begin a new video."""

    def add(self, batch: dict) -> list[dict]:
        """Add the faces of some frames, and return completed windows.

        Args:
            batch: ``inputs``, n faces, uint8 (3, H, W) each; ``faces``, the
                frame and track ID of each, (n,); and ``live``, the IDs of
                the tracks that may continue.

        Returns:
            Windows as in :meth:`VideoPredictions.from_windows`, with the track
            ID as ``video``.
        """
        raise NotImplementedError

    def finish(self) -> list[dict]:
        """Return the windows that the end of the video completes."""
        return []

    def run_stills(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        """Predict n faces without context: scores, float32 (n, C + K)."""
        raise NotImplementedError

    def run_live(
        self,
        inputs: Sequence[torch.Tensor],
        track_ids: Sequence[int],
        live: set[int],
    ) -> np.ndarray:
        """Predict the faces of the next frame from all frames so far.

        Args:
            inputs: n faces, uint8 (3, H, W) each.
            track_ids: Their track IDs.
            live: IDs of the tracks that may continue.

        Returns:
            Scores, float32 (n, C + K).
        """
        return self.run_stills(inputs)

    def run(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        """Run the network on n faces; the output is float32 (n, ...)."""
        return np.concatenate(
            [
                self.run_part(inputs[first : first + _MAX_FACES])
                for first in range(0, len(inputs), _MAX_FACES)
            ]
        )

    def run_part(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        """Run the network on faces, uint8 (C, H, W), in one pass."""
        batch = dict(inputs=list(inputs), data_samples=None)
        images = self.model.data_preprocessor(batch)['inputs']
        return to_numpy(self.run_images(images))

    def run_images(self, images: torch.Tensor) -> torch.Tensor:
        """Run the network on normalized images (b, 3, H, W)."""
        raise NotImplementedError


def track_windows(
    faces: np.ndarray, values: np.ndarray
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Place the values of each track into a window without gaps.

    Args:
        faces: Frame and track ID of each face, (n,).
        values: Values of the faces, (n, D).

    Yields:
        The track ID, its first frame, the values (w, D) from that frame to
        its last, zero where there are none, and their validity, bool (w,).
    """
    for track_id in np.unique(faces['face']).tolist():
        own = faces['face'] == track_id
        frames = faces['frame'][own]
        start = int(frames.min())
        valid = np.zeros(int(frames.max()) - start + 1, bool)
        valid[frames - start] = True
        filled = np.zeros((len(valid), values.shape[1]), np.float32)
        filled[frames - start] = values[own]
        yield track_id, start, filled, valid


class FrameByFrame(FaceNetwork):
    """Image classifier that predicts every frame on its own.

    Args:
        model: Model whose data preprocessor is used.
        classifier: Network with ``predict``, such as the student of
            ``model``; ``None`` is the model itself.

    Raises:
        ValueError: Its head names its tasks, and none is of expressions.
    """

    def __init__(
        self, model: nn.Module, classifier: nn.Module | None = None
    ) -> None:
        super().__init__(model)
        self.classifier = classifier or model
        head = self.classifier.head
        self._tasks = ordered_tasks(head) if has_several_tasks(head) else None
        self.value_names = value_names(head)

    @property
    def num_classes(self) -> int:
        if self._tasks is not None:
            return self._tasks['EXPR'].num_outputs
        return self.classifier.head.num_classes

    def run_images(self, images: torch.Tensor) -> torch.Tensor:
        samples = self.classifier(images, mode='predict')
        if self._tasks is None:
            return torch.stack([sample.pred_score for sample in samples])
        keys = [f'{task}_pred_score' for task in self._tasks]
        return torch.stack(
            [torch.cat([x.get(key) for key in keys]) for x in samples]
        )

    def run_stills(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        if not inputs:
            return self.no_scores()
        return self.calibrated(self.run(inputs))

    def add(self, batch: dict) -> list[dict]:
        if not batch['inputs']:
            return []
        return [
            dict(video=track_id, start=start, scores=scores, valid=valid)
            for track_id, start, scores, valid in track_windows(
                batch['faces'], self.calibrated(self.run(batch['inputs']))
            )
        ]


class WindowByWindow(FaceNetwork):
    """Network of both phases: features of every frame, then windows over them.

    The windows over a track are those of ``VideoClipDataset`` in a test, from
    its first frame to its last; frames without the face are not valid. Tracks
    that have ended use no memory.

    Args:
        model: Recognizer with an expression task.
        window: Frames per window.
        stride: Frames between the starts of windows.
    """

    def __init__(
        self, model: FrameRecognizer, window: int, stride: int
    ) -> None:
        super().__init__(model)
        self.window = window
        self.stride = stride
        self._tasks = ordered_tasks(model.cls_head)
        self.value_names = value_names(model.cls_head)
        self.reset()

    @property
    def num_classes(self) -> int:
        return self._tasks['EXPR'].num_outputs

    def reset(self) -> None:
        self._tracks: dict[int, _FeatureBuffer] = {}
        # Features of the last frames of each track, for run_live.
        self._latest: dict[int, deque[np.ndarray]] = {}

    def run_images(self, images: torch.Tensor) -> torch.Tensor:
        return self.model.student_features(images)

    def run_stills(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        """Predict each face as a clip of a single frame."""
        if not inputs:
            return self.no_scores()
        valid = np.ones(1, bool)
        windows = [
            self._predict(0, 0, features[None], valid)
            for features in self.run(inputs)
        ]
        return np.concatenate([window['scores'] for window in windows])

    def run_live(
        self,
        inputs: Sequence[torch.Tensor],
        track_ids: Sequence[int],
        live: set[int],
    ) -> np.ndarray:
        """Predict the window that ends at this frame, for each track."""
        if not inputs:
            return self.no_scores()
        self._latest = {x: y for x, y in self._latest.items() if x in live}
        scores = []
        for track_id, features in zip(track_ids, self.run(inputs)):
            latest = self._latest.setdefault(
                track_id, deque(maxlen=self.window)
            )
            latest.append(features)
            window = self._predict(
                track_id, 0, np.stack(latest), np.ones(len(latest), bool)
            )
            scores.append(window['scores'][-1])
        return np.stack(scores)

    def add(self, batch: dict) -> list[dict]:
        windows, parts = [], ()
        if batch['inputs']:
            parts = track_windows(batch['faces'], self.run(batch['inputs']))
        for track_id, start, features, valid in parts:
            track = self._tracks.setdefault(track_id, _FeatureBuffer(start))
            track.append(start, features, valid)
            for window in track.complete(self.window, self.stride):
                windows.append(self._predict(track_id, *window))
        for track_id in self._tracks.keys() - batch['live']:
            windows += self._end(track_id)
        return windows

    def finish(self) -> list[dict]:
        return [x for i in list(self._tracks) for x in self._end(i)]

    def _end(self, track_id: int) -> list[dict]:
        last = self._tracks.pop(track_id).last(self.window)
        return [] if last is None else [self._predict(track_id, *last)]

    def _predict(
        self,
        track_id: int,
        start: int,
        features: np.ndarray,
        valid: np.ndarray,
    ) -> dict:
        """Predict a window of at most w frames, padded to w as in training."""
        x = np.zeros((1, self.window, features.shape[1]), np.float32)
        mask = np.zeros((1, self.window), bool)
        x[0, : len(features)], mask[0, : len(valid)] = features, valid
        scores = self.run_window(x, mask)[0, : len(valid)]
        scores = self.calibrated(scores)
        # Copies, since views would keep the whole arrays alive.
        return dict(
            video=track_id,
            start=start,
            scores=scores.copy(),
            valid=valid.copy(),
        )

    def run_window(self, x: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Return the scores of a window.

        Args:
            x: Features, (1, w, D).
            valid: Which frames have a face, (1, w).

        Returns:
            Scores, (1, w, C + K).
        """
        device = self.model.student_digest.device
        logits = self.model.cls_head(
            torch.from_numpy(x).to(device), torch.from_numpy(valid).to(device)
        )
        if not isinstance(logits, dict):
            logits = dict(EXPR=logits)
        scores = [
            task.predict(logits[name]) for name, task in self._tasks.items()
        ]
        return to_numpy(torch.cat(scores, dim=-1))


class _FeatureBuffer:
    """Features of a track that later windows may need."""

    def __init__(self, first: int) -> None:
        self._begin = first  # frame of the first feature
        self._next = first  # start of the next window
        self._done = first  # end of the last window
        self._features: np.ndarray | None = None
        self._valid = np.zeros(0, bool)

    @property
    def _end(self) -> int:
        return self._begin + len(self._valid)

    def append(
        self, start: int, features: np.ndarray, valid: np.ndarray
    ) -> None:
        gap = start - self._end
        if self._features is None:
            self._features = features[:0]
        self._features = np.concatenate(
            [self._features, np.zeros((gap, features.shape[1])), features]
        ).astype(np.float32)
        self._valid = np.concatenate([self._valid, np.zeros(gap, bool), valid])

    def complete(
        self, window: int, stride: int
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield windows at every stride; drop features no longer needed."""
        while self._next + window <= self._end:
            part = slice(
                self._next - self._begin, self._next - self._begin + window
            )
            if self._valid[part].any():
                yield self._next, self._features[part], self._valid[part]
            self._done = self._next + window
            self._next += stride
        keep = max(min(self._next, self._end - window) - self._begin, 0)
        self._features = self._features[keep:]
        self._valid = self._valid[keep:]
        self._begin += keep

    def last(self, window: int) -> tuple[int, np.ndarray, np.ndarray] | None:
        """Return the window at the end, if any frames are left over."""
        if self._done == self._end:
            return None
        start = max(self._end - window, self._begin)
        part = slice(start - self._begin, None)
        return start, self._features[part], self._valid[part]
