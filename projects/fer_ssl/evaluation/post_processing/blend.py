"""Weighted mean with the predictions of other models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from mmengine.registry import TASK_UTILS

from ..ensemble import average_predictions
from ..video_predictions import VideoPredictions


@TASK_UTILS.register_module()
class Blend:
    """Average the scores with those of other models for the same videos.

    The other models are files of their predictions, as the ``out_file`` of a
    metric writes them. The mean is that of :func:`average_predictions`.

    Args:
        models: For each other model, the CSV files that together have all
            videos, also those that the steps are fitted to.
        weights: Weight of this model and then of each other one, 0 or more;
            ``None`` = equal weights.
    """

    def __init__(
        self,
        models: Sequence[Sequence[str]],
        weights: Sequence[float] | None = None,
    ) -> None:
        weights = weights or [1.0] * (1 + len(models))
        if len(weights) != 1 + len(models):
            raise ValueError(
                f'{len(weights)} weights for this model and {len(models)} '
                'others: Blend needs one for each.'
            )
        if min(weights) < 0 or not sum(weights):
            raise ValueError(
                f'weights must be 0 or more, and not all 0, got {weights}.'
            )
        self.models = models
        self.weights = weights

    @cached_property
    def _others(self) -> list[list[VideoPredictions]]:
        return [
            [VideoPredictions.from_csv(file) for file in files]
            for files in self.models
        ]

    def on_videos(self, predictions: VideoPredictions) -> VideoPredictions:
        """Blend the predictions of whole videos.

        Raises:
            FileNotFoundError: A file does not exist.
            ValueError: A video is missing in the files of a model, or has
                another length or other classes there.
        """
        members = [predictions]
        for files, parts in zip(self.models, self._others):
            known = {video.name: video for part in parts for video in part}
            missing = [v.name for v in predictions if v.name not in known]
            if missing:
                raise ValueError(
                    f'{", ".join(files)}: video {missing[0]} is missing. Let '
                    'the other model predict the same videos.'
                )
            members.append(
                VideoPredictions(
                    (known[video.name] for video in predictions),
                    parts[0].classes,
                )
            )
        return average_predictions(members, self.weights)

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        raise ValueError(
            'Blend reads the predictions of other models from files, so it '
            'serves in a metric, but not for new videos.'
        )

    def __repr__(self) -> str:
        return f'Blend(models={self.models}, weights={self.weights})'
