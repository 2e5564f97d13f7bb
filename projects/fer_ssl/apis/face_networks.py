"""Networks of the two phases, applied to the faces of a video as they come.

Both give windows for :meth:`FacePredictions.from_windows`: the scores of a
stretch of pictures of one face.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from ..evaluation.metrics.frame_prediction_metric import to_numpy
from ..models.frame_recognizer import FrameRecognizer
from ..models.heads import ExpressionTask

# Faces per pass, whatever the number of people in a batch of pictures.
_FACES_AT_ONCE = 64


class FaceNetwork:
    """Base: normalizes the faces and passes them through a network.

    Args:
        model: Network in eval mode, on its device.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def reset(self) -> None:
        """Begin a new video."""

    def add(
        self,
        inputs: Sequence[torch.Tensor],
        faces: np.ndarray,
        live: set[int],
    ) -> list[dict]:
        """Windows that are complete after some more pictures.

        Args:
            inputs: n faces, uint8 (3, H, W).
            faces: Of which picture and which person each is, (n,).
            live: Tracks that may go on.
        """
        raise NotImplementedError

    def finish(self) -> list[dict]:
        """Windows that the end of the video completes."""
        return []

    def run(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        """Output of the network, float32 (n, ...), of n faces."""
        parts = []
        for first in range(0, len(inputs), _FACES_AT_ONCE):
            batch = dict(
                inputs=list(inputs[first : first + _FACES_AT_ONCE]),
                data_samples=None,
            )
            images = self.model.data_preprocessor(batch)['inputs']
            parts.append(to_numpy(self.run_images(images)))
        return np.concatenate(parts)

    def run_images(self, images: torch.Tensor) -> torch.Tensor:
        """The same of normalized images (b, 3, H, W)."""
        raise NotImplementedError


def stretch(
    frames: np.ndarray, values: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """Values (n, D) of n pictures -> first one, (w, D), valid (w,)."""
    start = int(frames.min())
    valid = np.zeros(int(frames.max()) - start + 1, bool)
    valid[frames - start] = True
    filled = np.zeros((len(valid), values.shape[1]), np.float32)
    filled[frames - start] = values
    return start, filled, valid


class FrameByFrame(FaceNetwork):
    """A classifier of images: every picture on its own.

    Args:
        model: Its data preprocessor is used.
        classifier: Network with ``predict``, such as the student of
            ``model``; ``None`` is the model itself.
    """

    def __init__(
        self, model: nn.Module, classifier: nn.Module | None = None
    ) -> None:
        super().__init__(model)
        self.classifier = classifier or model

    @property
    def num_classes(self) -> int:
        return self.classifier.head.num_classes

    def run_images(self, images: torch.Tensor) -> torch.Tensor:
        samples = self.classifier(images, mode='predict')
        return torch.stack([sample.pred_score for sample in samples])

    def add(
        self,
        inputs: Sequence[torch.Tensor],
        faces: np.ndarray,
        live: set[int],
    ) -> list[dict]:
        if not inputs:
            return []
        scores = self.run(inputs)
        windows = []
        for number in np.unique(faces['face']).tolist():
            own = faces['face'] == number
            start, filled, valid = stretch(faces['frame'][own], scores[own])
            windows.append(
                dict(video=number, start=start, scores=filled, valid=valid)
            )
        return windows


class WindowByWindow(FaceNetwork):
    """Both phases: features of every picture once, then windows over them.

    The windows over a face are those of ``VideoClipDataset`` in a test, over
    its pictures from first to last; those without it are not valid. A face
    that is gone needs no memory any more.

    Args:
        model: With an expression task.
        window: Pictures per window.
        stride: Pictures between the starts of windows.
    """

    def __init__(
        self, model: FrameRecognizer, window: int, stride: int
    ) -> None:
        super().__init__(model)
        self.window = window
        self.stride = stride
        self._task = expression_task(model)
        self.reset()

    @property
    def num_classes(self) -> int:
        return self._task.num_outputs

    def reset(self) -> None:
        self._tracks: dict[int, _Waiting] = {}

    def run_images(self, images: torch.Tensor) -> torch.Tensor:
        return self.model.student_features(images)

    def add(
        self,
        inputs: Sequence[torch.Tensor],
        faces: np.ndarray,
        live: set[int],
    ) -> list[dict]:
        windows = []
        features = self.run(inputs) if inputs else None
        for number in np.unique(faces['face']).tolist():
            own = faces['face'] == number
            part = stretch(faces['frame'][own], features[own])
            track = self._tracks.setdefault(number, _Waiting(part[0]))
            track.append(*part)
            for window in track.complete(self.window, self.stride):
                windows.append(self._predict(number, *window))
        for number in self._tracks.keys() - live:
            windows += self._end(number)
        return windows

    def finish(self) -> list[dict]:
        return [x for number in list(self._tracks) for x in self._end(number)]

    def _end(self, number: int) -> list[dict]:
        last = self._tracks.pop(number).last(self.window)
        return [] if last is None else [self._predict(number, *last)]

    def _predict(
        self, number: int, start: int, features: np.ndarray, valid: np.ndarray
    ) -> dict:
        """Window of at most w pictures, padded to w as in training."""
        device = self.model.student_digest.device
        x = np.zeros((1, self.window, features.shape[1]), np.float32)
        mask = np.zeros((1, self.window), bool)
        x[0, : len(features)], mask[0, : len(valid)] = features, valid
        logits = self.model.cls_head(
            torch.from_numpy(x).to(device), torch.from_numpy(mask).to(device)
        )
        if isinstance(logits, dict):
            logits = logits['EXPR']
        scores = to_numpy(self._task.predict(logits))[0, : len(valid)]
        # Copies, as a view would keep the tensor behind it to the end.
        return dict(
            video=number, start=start, scores=scores.copy(), valid=valid.copy()
        )


def expression_task(model: FrameRecognizer) -> ExpressionTask:
    """What of a recognizer predicts expressions.

    Raises:
        ValueError: Nothing does.
    """
    head = model.cls_head
    tasks = getattr(head, 'tasks', None)
    task = head.task if tasks is None else dict(tasks.items()).get('EXPR')
    if not isinstance(task, ExpressionTask):
        raise ValueError(
            'this network does not predict expressions, but '
            f'{type(task).__name__ if tasks is None else ", ".join(tasks)}.'
        )
    return task


class _Waiting:
    """Features of a face of which a coming window may need the last ones."""

    def __init__(self, first: int) -> None:
        self._begin = self._next = first  # of the features; next window
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
        """Windows at every stride; what no later one needs is let go."""
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
        """Window that ends with the face, if the others leave a tail."""
        if self._done == self._end:
            return None
        start = max(self._end - window, self._begin)
        part = slice(start - self._begin, None)
        return start, self._features[part], self._valid[part]
