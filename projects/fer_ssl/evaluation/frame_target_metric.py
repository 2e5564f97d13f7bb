from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from mmengine.dist import all_reduce

from .video_metric import VideoMetric, check_labeled, to_numpy
from .video_predictions import VideoPredictions


class FrameTargetMetric(VideoMetric):
    """Base of metrics of frames with a target per column, (T, C).

    Images and windows are those of :class:`VideoMetric`, the labels of an
    image (C,) and of a video (T, C). A subclass gives sums that can be added
    over frames, videos and ranks, and the scores that these make. Of videos,
    every score has a second one, ``<score>_with_face``, without the frames
    that have no face.
    """

    no_face_score = 0.0

    @abstractmethod
    def sums(self, truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """What the scores are made of; (N, C) each -> array of numbers."""

    @abstractmethod
    def scores(self, sums: np.ndarray) -> dict[str, float]:
        """Scores of such sums."""

    def image_entry(self, sample: dict, scores: np.ndarray) -> np.ndarray:
        """Truth and bounded scores of one image, (2, C)."""
        truth = to_numpy(sample['gt_label']).reshape(-1)
        return np.stack([truth, self.bound(scores)]).astype(np.float64)

    def score_images(self, entries: list) -> dict[str, float]:
        num_columns = len(self.classes)
        pairs = np.array(entries).reshape(-1, 2, num_columns)
        truth, scores = pairs[:, 0], pairs[:, 1]
        sums = torch.from_numpy(self.sums(truth, scores))
        num_labeled = torch.tensor(int(self.labeled(truth).sum()))
        all_reduce(sums)
        all_reduce(num_labeled)
        check_labeled(int(num_labeled))
        return self.scores(sums.numpy())

    def score_videos(self, predictions: VideoPredictions) -> dict[str, float]:
        scores = self.scores(
            sum(self.sums(v.labels, v.scores) for v in predictions)
        )
        with_face = self.scores(
            sum(
                self.sums(v.labels[v.has_face], v.scores[v.has_face])
                for v in predictions
            )
        )
        scores.update({f'{k}_with_face': v for k, v in with_face.items()})
        return scores
