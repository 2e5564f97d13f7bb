"""Averaging of the predictions of several models for the same videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .video_predictions import VideoPrediction, VideoPredictions


def average_predictions(
    members: Sequence[VideoPredictions],
    weights: Sequence[float] | None = None,
) -> VideoPredictions:
    """Average the scores of every frame over the models.

    Args:
        members: Predictions of each model for the same videos, in any order.
        weights: Weight of each model; ``None`` = equal weights.

    Returns:
        Predictions in the order of the first model, with its ``labels`` and
        ``has_face``.

    Raises:
        ValueError: If two models differ in columns, videos or lengths.
    """
    first, *others = members
    for other in others:
        if other.classes != first.classes:
            raise ValueError(
                f'columns {other.classes} cannot be averaged with '
                f'{first.classes}.'
            )
        lengths = [{v.name: v.num_frames for v in x} for x in (first, other)]
        if lengths[0] != lengths[1]:
            differ = sorted(
                name for name, _ in lengths[0].items() ^ lengths[1].items()
            )
            raise ValueError(
                f'video {differ[0]}: it is missing in one of the predictions, '
                'or its length differs.'
            )
    return VideoPredictions(
        (
            VideoPrediction(
                video.name,
                np.average(
                    [m[video.name].scores for m in members],
                    axis=0,
                    weights=weights,
                ),
                labels=video.labels,
                has_face=video.has_face,
            )
            for video in first
        ),
        first.classes,
    )
