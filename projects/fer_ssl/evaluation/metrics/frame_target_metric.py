from __future__ import annotations

import numpy as np
import torch
from mmengine.dist import all_reduce

from .frame_prediction_metric import (
    FramePredictionMetric,
    check_labeled,
    to_numpy,
)


class FrameTargetMetric(FramePredictionMetric):
    """Base of metrics of frames with one target per column, (T, C).

    Images and windows are those of :class:`FramePredictionMetric`; the labels
    of an image are (C,), those of a video (T, C). For videos, every score is
    also given as ``<score>_with_face``, over the frames with a face only.
    """

    no_face_score = 0.0

    def image_entry(self, sample: dict, scores: np.ndarray) -> np.ndarray:
        """Return truth and clipped scores of one image, (2, C)."""
        truth = to_numpy(sample['gt_label']).reshape(-1)
        return np.stack([truth, self.bound(scores)]).astype(np.float64)

    def image_sums(self, entries: list) -> np.ndarray:
        return self.sums(*self._columns(entries))

    def _columns(self, entries: list) -> tuple[np.ndarray, np.ndarray]:
        """Return truth and scores, (N, C) each; N may be 0 on a rank."""
        pairs = np.array(entries).reshape(-1, 2, len(self.classes))
        return pairs[:, 0], pairs[:, 1]

    def score_images(self, entries: list) -> dict[str, float]:
        truth, scores = self._columns(entries)
        sums = torch.from_numpy(self.sums(truth, scores))
        num_labeled = torch.tensor(int(self.labeled(truth).sum()))
        all_reduce(sums)
        all_reduce(num_labeled)
        check_labeled(int(num_labeled))
        return self.scores(sums.numpy())

    def scores_of_videos(self, sums: np.ndarray) -> dict[str, float]:
        scores = self.scores(sums[0])
        with_face = self.scores(sums[1])
        scores.update({f'{k}_with_face': v for k, v in with_face.items()})
        return scores
