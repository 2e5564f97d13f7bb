"""Named post-processing steps, fitted to other videos and switched by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Callable

import numpy as np
from mmengine.registry import TASK_UTILS

from ..video_predictions import VideoPrediction, VideoPredictions
from .post_processor import PostProcessor


@TASK_UTILS.register_module()
class PostProcessingSteps:
    """Named steps that are applied in their order.

    A metric with such steps also gives its main score after each of them,
    ``<score>_after_<step>``, and ``<score>_raw`` before the first.

    Steps can be fitted to predictions for other videos, one after another,
    each to the output of the steps before it. Two kinds of steps are fitted:
    those with a method ``fit(predictions)``, such as
    :class:`ClassCalibration`, and those with ``search`` in their config, which
    lists values of arguments: the combination with the best main score is
    chosen, the first one of several that are equally good. No video may be
    both in the files and among those that are scored.

    Args:
        steps: Config of each step by its name; ``None`` switches it off.
        fit_files: CSV files of predictions with ground truth, as the
            ``out_file`` of a metric writes them, for videos on which the model
            was not trained.

    Raises:
        ValueError: A step has ``search``, but there are no files.

    Example:
        >>> post_process = dict(
        ...     type='PostProcessingSteps',
        ...     steps=dict(
        ...         calibration=dict(type='ClassCalibration'),
        ...         gate=dict(type='ConfidenceGate', threshold=0.4),
        ...         smoothing=dict(
        ...             type='GaussianSmoothing',
        ...             search=dict(sigma=[0, 5, 10, 20]),
        ...         ),
        ...     ),
        ...     fit_files=['fold_0.csv', 'fold_1.csv'],
        ... )
    """

    def __init__(
        self,
        steps: Mapping[str, Mapping | None],
        fit_files: Sequence[str] = (),
    ) -> None:
        self.configs = {k: dict(v) for k, v in steps.items() if v is not None}
        self.fit_files = list(fit_files)
        self.steps: dict[str, PostProcessor] = {}
        self._fitted_to: set[str] = set()
        if self.fit_files:
            return
        for name, config in self.configs.items():
            if 'search' in config:
                raise ValueError(
                    f'post-processing step {name}: search needs fit_files, '
                    'predictions for videos other than those that are scored.'
                )
            self.steps[name] = TASK_UTILS.build(config)

    def fit(self, score: Callable[[VideoPredictions], float]) -> None:
        """Fit all steps to the videos of the files; without any, do nothing.

        Args:
            score: Computes the main score of predictions.

        Raises:
            FileNotFoundError: A file does not exist.
            ValueError: A file is faulty, or has no ground truth.
        """
        if not self.fit_files:
            return
        predictions = self._fit_videos()
        self._fitted_to = {video.name for video in predictions}
        for name, config in self.configs.items():
            self.steps[name] = _fitted(config, predictions, score)
            predictions = predictions.apply(self.steps[name])

    def _fit_videos(self) -> VideoPredictions:
        """Read all labeled videos of the files."""
        videos: dict[str, VideoPrediction] = {}
        for file in self.fit_files:
            predictions = VideoPredictions.from_csv(file)
            for video in predictions:
                if video.name in videos:
                    raise ValueError(
                        f'{file}: video {video.name} is also in another one '
                        'of the fit_files. Name each video once.'
                    )
                if video.labels is not None:
                    videos[video.name] = video
        if not videos:
            raise ValueError(
                f'{", ".join(self.fit_files)}: the predictions have no ground '
                'truth, so the post-processing cannot be fitted to them.'
            )
        return VideoPredictions(videos.values(), predictions.classes)

    def stages(
        self, predictions: VideoPredictions
    ) -> dict[str, VideoPredictions]:
        """Return the predictions after each step, by the name of the step.

        Raises:
            ValueError: The steps are not fitted, or are fitted to one of the
                videos.
        """
        if len(self.steps) < len(self.configs):
            raise ValueError(
                'the post-processing has fit_files, so only a metric can '
                'apply it. Write the fitted values that a test has logged '
                'into the config, and leave fit_files out.'
            )
        both = [v.name for v in predictions if v.name in self._fitted_to]
        if both:
            raise ValueError(
                f'video {both[0]} is scored, but the post-processing is '
                f'fitted to it: it is in one of {", ".join(self.fit_files)}. '
                'Name files of other videos in fit_files.'
            )
        stages = {}
        for name, step in self.steps.items():
            stages[name] = predictions = predictions.apply(step)
        return stages

    def on_videos(self, predictions: VideoPredictions) -> VideoPredictions:
        """Apply all steps to the predictions of whole videos."""
        return [predictions, *self.stages(predictions).values()][-1]

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Apply all steps to the scores of one video, (T, C) -> (T, C)."""
        classes = range(scores.shape[1])
        video = VideoPrediction('', scores)
        (result,) = self.on_videos(VideoPredictions([video], classes))
        return result.scores

    def __repr__(self) -> str:
        steps = [f'{name}={step!r}' for name, step in self.steps.items()]
        return f'PostProcessingSteps({", ".join(steps)})'


def _fitted(
    config: Mapping[str, Any],
    predictions: VideoPredictions,
    score: Callable[[VideoPredictions], float],
) -> PostProcessor:
    """Build one step, and fit it if it can be fitted."""
    config = dict(config)
    search = config.pop('search', {})
    best, best_score = None, -np.inf
    for values in product(*search.values()):
        step = TASK_UTILS.build({**config, **dict(zip(search, values))})
        if hasattr(step, 'fit'):
            step.fit(predictions)
        if not search:
            return step
        found = score(predictions.apply(step))
        if best is None or found > best_score:
            best, best_score = step, found
    return best
