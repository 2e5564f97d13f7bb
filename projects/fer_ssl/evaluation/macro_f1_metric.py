"""Macro-F1 of faces, or of all frames of whole videos."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.registry import METRICS

from ..labels import IGNORE_LABEL
from .classification_scores import (
    confusion_matrix,
    macro_f1,
    scores_from_confusion,
)
from .video_metric import VideoMetric, to_numpy
from .video_predictions import VideoPredictions


@METRICS.register_module()
class MacroF1Metric(VideoMetric):
    """Macro-F1, UAR, accuracy and F1 of each class, in percent.

    Section 4.3 of paper A (Eq. 7, 8) and the rule of the ABAW challenges: F1
    of each class from the counts over the whole set, then the mean over all
    classes of the data set, whether they occur or not.

    Images and windows are those of :class:`VideoMetric`. Of videos, the key
    ``macro_f1_with_face`` is the macro-F1 without the frames that have no
    face.

    Args:
        kwargs: Those of :class:`VideoMetric`.
    """

    def image_entry(self, sample: dict, scores: np.ndarray) -> tuple[int, int]:
        """(truth, prediction) of one image."""
        label = int(to_numpy(sample['gt_label']).reshape(()))
        return label, int(scores.argmax())

    def score_images(self, entries: list) -> dict[str, float]:
        pairs = np.array(entries, dtype=np.int64).reshape(-1, 2)
        classes = self.classes
        confusion = torch.from_numpy(
            confusion_matrix(pairs[:, 0], pairs[:, 1], len(classes))
        )
        all_reduce(confusion)
        return scores_from_confusion(confusion.numpy(), classes)

    def labeled(self, labels: np.ndarray) -> np.ndarray:
        return labels != IGNORE_LABEL

    def score_videos(self, predictions: VideoPredictions) -> dict[str, float]:
        confusion = predictions.confusion_matrix()
        scores = scores_from_confusion(confusion, predictions.classes)
        with_face = predictions.confusion_matrix(with_face=True)
        scores['macro_f1_with_face'] = macro_f1(with_face)
        return scores
