"""Macro-F1 of faces, or of all frames of whole videos."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.registry import METRICS

from ...labels import IGNORE_LABEL
from ..functional.classification_scores import (
    confusion_matrix,
    macro_f1,
    scores_from_confusion,
)
from .frame_prediction_metric import FramePredictionMetric, to_numpy


@METRICS.register_module()
class MacroF1Metric(FramePredictionMetric):
    """Macro-F1, UAR, accuracy and F1 of each class, in percent.

    Follows section 4.3 of paper A (Eq. 7, 8) and the ABAW challenges: the F1
    of each class comes from the counts over the whole set, and the macro-F1
    is its mean over all classes of the data set, whether they occur or not.

    Images and windows are those of :class:`FramePredictionMetric`. For
    videos, ``macro_f1_with_face`` is the macro-F1 over the frames with a face
    only.

    Args:
        kwargs: Arguments of :class:`FramePredictionMetric`.
    """

    headline = 'macro_f1'

    def image_entry(self, sample: dict, scores: np.ndarray) -> tuple[int, int]:
        """Return truth and prediction of one image."""
        label = int(to_numpy(sample['gt_label']).reshape(()))
        return label, int(scores.argmax())

    def image_sums(self, entries: list) -> np.ndarray:
        pairs = np.array(entries, dtype=np.int64).reshape(-1, 2)
        return confusion_matrix(pairs[:, 0], pairs[:, 1], len(self.classes))

    def score_images(self, entries: list) -> dict[str, float]:
        confusion = torch.from_numpy(self.image_sums(entries))
        all_reduce(confusion)
        return self.scores(confusion.numpy())

    def labeled(self, labels: np.ndarray) -> np.ndarray:
        return labels != IGNORE_LABEL

    def sums(self, truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
        predicted = scores.argmax(axis=1)
        return confusion_matrix(truth, predicted, len(self.classes))

    def scores(self, sums: np.ndarray) -> dict[str, float]:
        return scores_from_confusion(sums, self.classes)

    def scores_of_videos(self, sums: np.ndarray) -> dict[str, float]:
        scores = self.scores(sums[0])
        scores['macro_f1_with_face'] = macro_f1(sums[1])
        return scores
