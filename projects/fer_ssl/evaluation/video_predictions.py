"""Predictions for every frame of every video of a set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..labels import IGNORE_LABEL
from .functional.classification_scores import confusion_matrix
from .post_processing.post_processor import PostProcessor, fill_frames
from .window_table import WindowTable


@dataclass
class VideoPrediction:
    """Predictions for all T frames of one video.

    Attributes:
        name: Name of the video.
        scores: Class probabilities, (T, C) float32, finite; or valence and
            arousal, or probabilities of action units.
        labels: Ground truth, (T,) int64, -1 = not annotated; None = no
            annotation. Or one target per column, (T, C) float32: valence and
            arousal, -5 = not annotated, or action units, -1 = not annotated.
        has_face: (T,) bool; False for frames without a face, whose scores
            were filled in or come from the sound alone. None = all True.
    """

    name: str
    scores: np.ndarray
    labels: np.ndarray | None = None
    has_face: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.scores = np.asarray(self.scores, dtype=np.float32)
        if self.scores.ndim != 2 or not self.scores.size:
            raise ValueError(
                f'video {self.name}: scores must be (T, C), got '
                f'{self.scores.shape}.'
            )
        check_finite(self.scores, f'video {self.name}')
        if self.has_face is None:
            self.has_face = np.ones(self.num_frames, dtype=bool)
        self.has_face = np.asarray(self.has_face, dtype=bool)
        shape = (self.num_frames,)
        if self.labels is not None and np.ndim(self.labels) == 2:
            self.labels = np.asarray(self.labels, dtype=np.float32)
            self._check_shape('labels', self.scores.shape)
        elif self.labels is not None:
            self.labels = np.asarray(self.labels, dtype=np.int64)
            self._check_shape('labels', shape)
        self._check_shape('has_face', shape)

    def _check_shape(self, key: str, shape: tuple) -> None:
        value = getattr(self, key)
        if value.shape != shape:
            raise ValueError(
                f'video {self.name}: {key} must be {shape}, got {value.shape}.'
            )

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.scores)

    @property
    def predicted(self) -> np.ndarray:
        """Class of the largest score, ties to the smallest index; (T,)."""
        return self.scores.argmax(axis=1)


class VideoPredictions:
    """An ordered collection of :class:`VideoPrediction`.

    Args:
        videos: One entry per video, with unique names.
        classes: Names of the C columns of all scores: classes, or valence and
            arousal, or action units.
    """

    def __init__(
        self, videos: Iterable[VideoPrediction], classes: Sequence[str]
    ) -> None:
        self.classes = tuple(classes)
        self._videos: dict[str, VideoPrediction] = {}
        for video in videos:
            if video.name in self._videos:
                raise ValueError(f'video {video.name} is listed twice.')
            if video.scores.shape[1] != len(self.classes):
                raise ValueError(
                    f'video {video.name}: {video.scores.shape[1]} scores per '
                    f'frame for {len(self.classes)} classes.'
                )
            self._videos[video.name] = video

    def __len__(self) -> int:
        return len(self._videos)

    def __iter__(self) -> Iterator[VideoPrediction]:
        return iter(self._videos.values())

    def __contains__(self, name: str) -> bool:
        return name in self._videos

    def __getitem__(self, name: str) -> VideoPrediction:
        return self._videos[name]

    @classmethod
    def from_windows(
        cls,
        windows: WindowTable | Iterable[Mapping],
        videos: Mapping[str, Sequence[int]],
        classes: Sequence[str],
        weights: str = 'uniform',
        no_face_score: float | None = None,
        has_face: Mapping[str, np.ndarray] | None = None,
    ) -> VideoPredictions:
        """Assemble whole videos from the predictions of windows.

        Overlapping windows are averaged. Frames that no window covers, or
        that are valid in none, count as frames without a face. Their scores
        are interpolated linearly over time between the predicted neighbors,
        and repeated at both ends of the video. A video without any predicted
        frame gets ``no_face_score``.

        Args:
            windows: A table, or mappings with ``video``, ``start`` (0-based
                frame), ``scores`` (w, C) and, optionally, ``valid`` (w,)
                bool. Only frames that are not valid may lie beyond the end
                of the video.
            videos: Truth (T,) of every video, -1 = not annotated, or (T, C);
                see :class:`VideoPrediction`. Also defines which videos there
                are, their order and their lengths.
            classes: Names of the C columns.
            weights: How overlaps are averaged: ``'uniform'``, or
                ``'triangular'``, which gives more weight to frames in the
                middle of a window, where there is context on both sides.
            no_face_score: All scores of a video without any predicted frame;
                ``None`` is 1 / C, the uniform distribution over classes.
            has_face: Whether each frame of every video has a face, (T,), if
                frames without one may be predicted too (from their sound).

        Raises:
            ValueError: If a window belongs to no video, extends beyond it, or
                holds a score that is not finite.
        """
        if weights not in ('uniform', 'triangular'):
            raise ValueError(
                f"weights must be 'uniform' or 'triangular', got {weights}."
            )
        if no_face_score is None:
            no_face_score = 1 / len(classes)
        if not isinstance(windows, WindowTable):
            windows = WindowTable.from_windows(windows, len(classes))
        sums, mass = _sums_of_frames(windows, videos, weights)
        known = {name: weight > 0 for name, weight in mass.items()}
        if has_face is not None:
            known = {name: known[name] & has_face[name] for name in known}
        return cls(
            (
                VideoPrediction(
                    name,
                    _average_and_fill(sums[name], mass[name], no_face_score),
                    labels=labels,
                    has_face=known[name],
                )
                for name, labels in videos.items()
            ),
            classes,
        )

    def apply(self, post_processor: PostProcessor | None) -> VideoPredictions:
        """Post-process each video on its own; None changes nothing.

        A post-processor that needs more than the scores of one video has the
        method ``on_videos``, which maps predictions to new ones.
        """
        if post_processor is None:
            return self
        if hasattr(post_processor, 'on_videos'):
            return post_processor.on_videos(self)
        return VideoPredictions(
            (replace(v, scores=post_processor(v.scores)) for v in self),
            self.classes,
        )

    def confusion_matrix(self, with_face: bool = False) -> np.ndarray:
        """Count pairs over all labeled frames of all videos, (C, C).

        Args:
            with_face: Count only frames in which a face was found.
        """
        total = np.zeros((len(self.classes),) * 2, dtype=np.int64)
        for video in self:
            if video.labels is None:
                continue
            labels = video.labels
            if with_face:
                labels = np.where(video.has_face, labels, IGNORE_LABEL)
            total += confusion_matrix(
                labels, video.predicted, len(self.classes)
            )
        return total

    def to_csv(self, path: str) -> None:
        """Write one row per frame; see :mod:`.video_predictions_csv`."""
        from .video_predictions_csv import write_video_predictions

        write_video_predictions(self, path)

    @classmethod
    def from_csv(cls, path: str) -> VideoPredictions:
        """Read a file of :meth:`to_csv`; all values are equal bit by bit."""
        from .video_predictions_csv import read_video_predictions

        return read_video_predictions(path)


def check_finite(
    scores: np.ndarray, place: str, frames: np.ndarray | None = None
) -> None:
    """Raise a ValueError that names the first frame with a NaN or infinity.

    Args:
        scores: Scores of the frames, (n, C).
        place: What the scores belong to, for the message.
        frames: 0-based frame of each row; None = 0, 1, ...
    """
    finite = np.isfinite(scores).all(axis=1)
    if finite.all():
        return
    row = int(np.argmin(finite))
    frame = row if frames is None else int(frames[row])
    raise ValueError(
        f'{place}, frame {frame + 1}: the scores are {scores[row].tolist()}; '
        'the model has diverged or its checkpoint is damaged.'
    )


def _sums_of_frames(
    windows: WindowTable, videos: Mapping[str, Sequence[int]], weights: str
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Add up the windows over every frame of all videos.

    Returns:
        The sums of the weighted scores (T, C) and of the weights (T,), both
        float64, by the name of the video.
    """
    for name in windows.videos:
        if name not in videos:
            raise ValueError(f'video {name} is predicted but unknown.')
    lengths = np.array([len(x) for x in videos.values()], dtype=np.int64)
    ends = np.cumsum(lengths)
    rows = {name: row for row, name in enumerate(videos)}
    video = np.array([rows[name] for name in windows.videos], dtype=np.int64)
    window, place = (x[windows.valid] for x in windows.places())
    video = video[windows.video[window]]
    frame = windows.start[window] + place
    scores = windows.scores[windows.valid]
    outside = (frame < 0) | (frame >= lengths[video])
    if outside.any():
        first = int(outside.argmax())
        frames = frame[window == window[first]]
        raise ValueError(
            f'video {list(videos)[video[first]]} has {lengths[video[first]]} '
            f'frames, but a window predicts frames {frames[0] + 1} to '
            f'{frames[-1] + 1}.'
        )
    finite = np.isfinite(scores).all(axis=1)
    if not finite.all():
        first = slice(finite.argmin(), finite.argmin() + 1)
        name = list(videos)[video[first][0]]
        check_finite(scores[first], f'video {name}', frame[first])
    weight = np.ones(len(frame))
    if weights == 'triangular':
        weight = np.minimum(place + 1.0, windows.size[window] - place)
    row = (ends - lengths)[video] + frame
    # In the order of the windows, so that rounding is always the same.
    total = int(lengths.sum())
    sums = np.stack(
        [
            np.bincount(row, weight * column, minlength=total)
            for column in scores.T
        ],
        axis=1,
    )
    mass = np.bincount(row, weight, minlength=total)
    return (
        dict(zip(videos, np.split(sums, ends[:-1]))),
        dict(zip(videos, np.split(mass, ends[:-1]))),
    )


def _average_and_fill(
    sums: np.ndarray, mass: np.ndarray, no_face_score: float
) -> np.ndarray:
    """Turn weighted sums (T, C) and weights (T,) into scores without gaps."""
    known = np.flatnonzero(mass)
    if known.size == 0:
        return np.full(sums.shape, no_face_score)
    return fill_frames(sums[known] / mass[known, None], known, len(sums))
