"""Predicted probabilities of faces, beside what is known about the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.videos.video_folds import source_video
from ..labels import IGNORE_LABEL
from ..utils.text_rows import csv_rows
from .image_predictions import ImagePredictions
from .video_predictions import VideoPredictions


@dataclass
class LabeledPredictions:
    """Predictions for N faces.

    Attributes:
        classes: Names of the C classes.
        probs: Probabilities, (N, C).
        labels: Class indices, int64 (N,), negative = unknown.
        groups: Person or video of each face, ``''`` = unknown.
    """

    classes: Sequence[str]
    probs: np.ndarray
    labels: np.ndarray
    groups: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_labeled(self) -> np.ndarray:
        """Which faces have a label, bool (N,)."""
        return self.labels >= 0

    def select(self, rows: np.ndarray) -> LabeledPredictions:
        """Select rows by indices or by a mask, bool (N,)."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        groups = [self.groups[row] for row in rows]
        return LabeledPredictions(
            self.classes, self.probs[rows], self.labels[rows], groups
        )

    def restrict(self, classes: Sequence[str]) -> LabeledPredictions:
        """Choose among some of the classes only.

        Faces of other classes lose their label.

        Raises:
            ValueError: The network does not have one of the classes.
        """
        unknown = [x for x in classes if x not in self.classes]
        if unknown or len({*classes}) < len(classes):
            raise ValueError(
                f'{", ".join(unknown or classes)}: name each class once, of '
                f'{", ".join(self.classes)}.'
            )
        columns = [list(self.classes).index(x) for x in classes]
        probs = self.probs[:, columns]
        mapping = np.full(len(self.classes), IGNORE_LABEL)
        mapping[columns] = range(len(columns))
        labels = np.where(self.is_labeled, mapping[self.labels], IGNORE_LABEL)
        return LabeledPredictions(
            tuple(classes),
            probs / probs.sum(axis=1, keepdims=True),
            labels,
            self.groups,
        )

    @classmethod
    def from_csv(cls, path: str) -> LabeledPredictions:
        """Read what a metric wrote for images or for videos (``out_file``).

        Of videos, it takes all frames with a face. Videos that Aff-Wild2 cut
        from one video are one group.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is not such a file, or has targets other than
                classes; the message names file and line.
        """
        _, header = next(csv_rows(path), (1, []))
        if header[:1] == ['video']:
            videos = VideoPredictions.from_csv(path)
            found = cls(videos.classes, *_frames_with_face(videos))
        else:
            images = ImagePredictions.from_csv(path)
            groups = [''] * len(images.images)
            found = cls(images.classes, images.scores, images.labels, groups)
        if found.labels.ndim > 1:
            raise ValueError(
                f'{path}: it has targets such as valence and arousal. Name a '
                'file of MacroF1Metric(out_file=...), which has classes.'
            )
        return found


def _frames_with_face(
    videos: VideoPredictions,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return probabilities, labels and group of the frames of all videos."""
    probs, labels, groups = [], [], []
    for video in videos:
        truth = video.labels
        if truth is None:
            truth = np.full(video.num_frames, IGNORE_LABEL)
        probs.append(video.scores[video.has_face])
        labels.append(truth[video.has_face])
        groups += [source_video(video.name)] * len(labels[-1])
    return np.concatenate(probs), np.concatenate(labels), groups
