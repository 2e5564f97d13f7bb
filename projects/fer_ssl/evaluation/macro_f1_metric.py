"""Macro-F1 of faces, or of all frames of whole videos."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS

from .classification_scores import (
    confusion_matrix,
    macro_f1,
    scores_from_confusion,
)
from .post_processor import build_post_processor
from .video_predictions import VideoPredictions, check_finite


@METRICS.register_module()
class MacroF1Metric(BaseMetric):
    """Macro-F1, UAR, accuracy and F1 of each class, in percent.

    Section 4.3 of paper A (Eq. 7, 8) and the rule of the ABAW challenges: F1
    of each class from the counts over the whole set, then the mean over all
    classes of the data set, whether they occur or not.

    What is scored depends on the data set. Without ``metainfo['videos']``:
    its images, each data sample giving ``pred_score`` (C,) and ``gt_label``.
    With ``metainfo['videos']`` (truth (T,) of every video by name): all
    labeled frames of all videos, with or without a face. Each data sample is
    then a window with ``video``, ``start`` (0-based frame), ``pred_score``
    (w, C) and ``valid`` (w,), or one frame with ``pred_score`` (C,); see
    :meth:`VideoPredictions.from_windows` for overlaps and gaps. The key
    ``macro_f1_with_face`` is the macro-F1 without the frames that have no
    face.

    Args:
        network: Score ``<network>_pred_score`` instead of ``pred_score``.
        post_process: Config (or list of configs) of the post-processors that
            are applied to every video before it is scored.
        out_file: CSV file for the predictions that were scored.
        window_weights: How overlapping windows are averaged, ``'uniform'`` or
            ``'triangular'``.
        prefix: Put before the keys, ``<prefix>/macro_f1``.
        kwargs: Passed on to ``BaseMetric``.
    """

    def __init__(
        self,
        network: str | None = None,
        post_process: dict | Sequence[dict] | None = None,
        out_file: str | None = None,
        window_weights: str = 'uniform',
        prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(prefix=prefix, **kwargs)
        self.score_key = f'{network}_pred_score' if network else 'pred_score'
        self.post_process = build_post_processor(post_process)
        self.out_file = out_file
        self.window_weights = window_weights

    @property
    def videos(self) -> dict | None:
        """Truth (T,) of each video, or None if the data are images."""
        return (self.dataset_meta or {}).get('videos')

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep one entry per data sample (BaseMetric counts them)."""
        for sample in data_samples:
            if self.score_key not in sample:
                raise KeyError(
                    f'the model gives no {self.score_key}, only '
                    f'{sorted(sample)}'
                )
            scores = _to_numpy(sample[self.score_key])
            scores = scores.reshape(-1, scores.shape[-1])  # (w, C)
            if scores.shape[1] != len(self.dataset_meta['classes']):
                raise ValueError(
                    f'the model gives {scores.shape[1]} scores, but the data '
                    f'set has {len(self.dataset_meta["classes"])} classes: '
                    f'{self.dataset_meta["classes"]}'
                )
            if self.videos is None:
                self.results.append(self._image_entry(sample, scores))
            else:
                self.results.append(self._window_entry(sample, scores))

    def _image_entry(self, sample: dict, scores: np.ndarray) -> tuple:
        """(truth, prediction) of one image."""
        if len(scores) != 1:
            raise ValueError(
                f'a window of {len(scores)} frames cannot be scored without '
                "the truth of whole videos: metainfo['videos'] is missing"
            )
        if not np.isfinite(scores).all():
            rank, world_size = get_dist_info()
            index = rank + len(self.results) * world_size
            raise ValueError(
                f'sample {index} ({sample.get("img_path", "no path")}): the '
                f'scores are {scores[0].tolist()}; the model has diverged or '
                'its checkpoint is damaged'
            )
        label = int(_to_numpy(sample['gt_label']).reshape(()))
        return label, int(scores[0].argmax())

    @staticmethod
    def _window_entry(sample: dict, scores: np.ndarray) -> dict:
        """Window in the form of :meth:`VideoPredictions.from_windows`."""
        start = int(sample['start'])
        valid = np.ones(len(scores), dtype=bool)
        if 'valid' in sample:
            valid = _to_numpy(sample['valid']).reshape(-1).astype(bool)
        # here and not only when assembled: the rank that sees it must fail
        check_finite(
            scores[valid],
            f'video {sample["video"]}',
            start + np.flatnonzero(valid),
        )
        return dict(
            video=sample['video'], start=start, scores=scores, valid=valid
        )

    def evaluate(self, size: int) -> dict:
        """Score the set.

        Args:
            size: Number of items of the data set.

        Returns:
            Scores by name, the same on every rank.
        """
        if self.videos is not None:
            return super().evaluate(size)  # compute_metrics on rank 0
        if self.post_process is not None or self.out_file is not None:
            raise ValueError(
                'post_process and out_file are for videos, but the data set '
                "has no metainfo['videos']"
            )
        # Rank r holds items r, r + W, ...; to even out the ranks the sampler
        # repeats items, which then come last on their rank.
        rank, world_size = get_dist_info()
        pairs = self.results[: len(range(rank, size, world_size))]
        pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        classes = self.dataset_meta['classes']
        confusion = torch.from_numpy(
            confusion_matrix(pairs[:, 0], pairs[:, 1], len(classes))
        )
        all_reduce(confusion)
        self.results.clear()
        scores = scores_from_confusion(confusion.numpy(), classes)
        if self.prefix:
            scores = {f'{self.prefix}/{k}': v for k, v in scores.items()}
        return scores

    def compute_metrics(self, results: list[dict]) -> dict:
        """Score the windows of all videos."""
        predictions = VideoPredictions.from_windows(
            results,
            self.videos,
            self.dataset_meta['classes'],
            self.window_weights,
        ).apply(self.post_process)
        if self.out_file is not None:
            predictions.to_csv(self.out_file)
            print_log(f'predictions are in {self.out_file}', logger='current')
        confusion = predictions.confusion_matrix()
        if self.out_file is not None and not confusion.any():
            print_log(
                'the set has no labels: predictions are written, not scored',
                logger='current',
                level=logging.WARNING,
            )
            return {}
        scores = scores_from_confusion(confusion, predictions.classes)
        with_face = predictions.confusion_matrix(with_face=True)
        scores['macro_f1_with_face'] = macro_f1(with_face)
        return scores


def _to_numpy(value: Any) -> np.ndarray:
    """Tensor (any device, any float type) or array -> numpy array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.is_floating_point() else value).numpy()
    return np.asarray(value)
