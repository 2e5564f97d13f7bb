from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from mmengine.dist import (
    all_reduce,
    collect_results,
    get_dist_info,
    get_world_size,
)
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..calibration import Calibration
from ..image_predictions import ImagePredictions
from ..post_processing.post_processing_steps import PostProcessingSteps
from ..post_processing.post_processor import build_post_processor
from ..video_predictions import (
    VideoPrediction,
    VideoPredictions,
    check_finite,
)
from ..window_table import WindowTable


class FramePredictionMetric(BaseMetric):
    """Base of metrics that score images, or all frames of whole videos.

    The data set decides which. Without ``metainfo['videos']`` its images are
    scored; each data sample gives ``pred_score`` (C,) and ``gt_label``. With
    ``metainfo['videos']`` (the truth of every frame, by name of the video) all
    labeled frames of all videos are scored, with or without a face. Each data
    sample is then a window with ``video``, ``start`` (0-based frame),
    ``pred_score`` (w, C) and ``valid`` (w,), or a single frame with
    ``pred_score`` (C,); :meth:`VideoPredictions.from_windows` defines how
    overlaps are averaged and gaps filled. Predicted frames count as frames
    with a face, unless ``metainfo['has_face']`` says otherwise.

    Scores are functions of sums that add up over frames, videos and ranks. A
    subclass defines both (:meth:`sums`, :meth:`scores`,
    :meth:`scores_of_videos`), and for images :meth:`image_entry`,
    :meth:`image_sums` and :meth:`score_images`.

    Args:
        network: Score ``<network>_pred_score`` instead of ``pred_score``. Of
            several networks, the mean is scored; ``'student'`` is the one of
            ``pred_score``, such as ``('student', 'teacher')``.
        task: Task to score in a data set with several tasks; the model then
            gives ``<task>_pred_score``. Also the default of ``prefix``, since
            two tasks may have scores of the same name.
        post_process: Config (or list of configs) of the post-processors that
            are applied to every video before it is scored. Those of
            :class:`PostProcessingSteps` are scored one by one as well.
        out_file: CSV file to which the scored predictions are written, one
            row per frame (:meth:`VideoPredictions.to_csv`) or per image
            (:meth:`ImagePredictions.to_csv`). A set without any label is then
            not an error.
        window_weights: How overlapping windows are averaged, ``'uniform'`` or
            ``'triangular'``.
        network_classes: Names of the classes that the network predicts, if it
            has more than the data set, or another order. The other classes
            are left out, and the probabilities sum to 1 again.
        prefix: Prefix of the keys, ``<prefix>/<key>``.
        kwargs: Passed on to ``BaseMetric``.
    """

    # Not None: MMEngine would warn that a metric has no prefix.
    default_prefix = ''
    #: Name of the main score.
    headline: str
    #: Score of all columns in a video without any face; None = 1 / C.
    no_face_score: float | None = None
    #: Whether to keep the scored predictions in :attr:`scored` for a report.
    #: If so, a set of videos without any label is not an error.
    keeps_scored = False
    #: Predictions of the videos after post-processing, or the entries of all
    #: images in the order of the data set; None on all ranks but the first.
    scored: VideoPredictions | np.ndarray | None = None
    #: Predictions before post-processing, ``'raw'``, and after each step of
    #: :class:`PostProcessingSteps` by its name; empty without such steps.
    stages: Mapping[str, VideoPredictions] = MappingProxyType({})
    #: Applied to the scores of every sample before anything else.
    calibration: Calibration | None = None

    def __init__(
        self,
        network: str | Sequence[str] | None = None,
        task: str | None = None,
        post_process: dict | Sequence[dict] | None = None,
        out_file: str | None = None,
        window_weights: str = 'uniform',
        network_classes: Sequence[str] | None = None,
        prefix: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(prefix=prefix or task, **kwargs)
        self.task = task
        networks = [network]
        if network is not None and not isinstance(network, str):
            networks = [None if x == 'student' else x for x in network]
        self.score_keys = [
            '_'.join(part for part in (name, task, 'pred_score') if part)
            for name in networks
        ]
        self.post_process = build_post_processor(post_process)
        self.out_file = out_file
        self.window_weights = window_weights
        self.network_classes = network_classes

    @property
    def videos(self) -> dict | None:
        """Truth of each video, or None for a data set of images."""
        videos = (self.dataset_meta or {}).get('videos')
        if videos is None or self.task is None:
            return videos
        return {name: labels[self.task] for name, labels in videos.items()}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of a prediction.

        Raises:
            KeyError: If the data set lacks the task, or has several tasks and
                this metric names none of them.
        """
        tasks = self.dataset_meta.get('tasks', {})
        if self.task is None and not tasks:
            return self.dataset_meta['classes']
        if self.task not in tasks:
            raise KeyError(
                f'{type(self).__name__}: task={self.task!r} is not a task of '
                f'the data set: {", ".join(tasks) or "it has a single one"}.'
            )
        return tasks[self.task]

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep exactly one entry per data sample: BaseMetric counts them."""
        for sample in data_samples:
            for key in self.score_keys:
                if key not in sample:
                    raise KeyError(
                        f'the model gives no {key}, only {sorted(sample)}.'
                    )
            members = [to_numpy(sample[key]) for key in self.score_keys]
            scores = np.mean(members, axis=0)
            scores = scores.reshape(-1, scores.shape[-1])  # (w, C)
            if self.calibration is not None:
                scores = self.calibration(scores)
            if self.network_classes is not None:
                scores = self._scores_of_set(scores)
            if scores.shape[1] != len(self.classes):
                raise ValueError(
                    f'the model gives {scores.shape[1]} scores, but the data '
                    f'set has {len(self.classes)} classes: {self.classes}.'
                )
            if 'videos' not in self.dataset_meta:
                self._check_image(sample, scores)
                image = None
                if self.out_file is not None:
                    path = sample.get('img_path') or ''
                    image = str(path), self.bound(scores[0])
                entry = self.image_entry(sample, scores[0])
                self.results.append((entry, image))
            else:
                self.results.append(self._window_entry(sample, scores))

    def _scores_of_set(self, scores: np.ndarray) -> np.ndarray:
        """Choose the columns (w, C) of the classes of the data set."""
        names = list(self.network_classes)
        missing = [x for x in self.classes if x not in names]
        if len(names) != scores.shape[1] or missing:
            raise ValueError(
                f'network_classes={names} does not fit: the network gives '
                f'{scores.shape[1]} scores, and the classes of the data set '
                f'are {", ".join(self.classes)}.'
            )
        scores = scores[:, [names.index(x) for x in self.classes]]
        return scores / scores.sum(axis=1, keepdims=True)

    def _check_image(self, sample: dict, scores: np.ndarray) -> None:
        """Raise a ValueError if the scores are not those of a single image."""
        if len(scores) != 1:
            raise ValueError(
                f'a window of {len(scores)} frames cannot be scored without '
                "the truth of whole videos: metainfo['videos'] is missing."
            )
        if not np.isfinite(scores).all():
            rank, world_size = get_dist_info()
            index = rank + len(self.results) * world_size
            raise ValueError(
                f'sample {index} ({sample.get("img_path", "no path")}): the '
                f'scores are {scores[0].tolist()}; the model has diverged or '
                'its checkpoint is damaged.'
            )

    def _window_entry(self, sample: dict, scores: np.ndarray) -> dict:
        """Convert a sample to a window of VideoPredictions.from_windows."""
        start = int(sample['start'])
        valid = np.ones(len(scores), dtype=bool)
        if 'valid' in sample:
            valid = to_numpy(sample['valid']).reshape(-1).astype(bool)
        # Checked here already, so that the rank that has the window fails.
        check_finite(
            scores[valid],
            f'video {sample["video"]}',
            start + np.flatnonzero(valid),
        )
        return dict(
            video=sample['video'],
            start=start,
            scores=self.bound(scores),
            valid=valid,
        )

    def bound(self, scores: np.ndarray) -> np.ndarray:
        """Clip scores to the range of the ground truth."""
        return scores

    @abstractmethod
    def image_entry(self, sample: dict, scores: np.ndarray) -> Any:
        """Return what to keep of one image.

        Args:
            sample: The data sample, with ``gt_label``.
            scores: Scores of the image, (C,).
        """

    @abstractmethod
    def score_images(self, entries: list) -> dict[str, float]:
        """Compute the scores of the images, the same on every rank.

        Args:
            entries: Results of :meth:`image_entry` on this rank.
        """

    @abstractmethod
    def image_sums(self, entries: list) -> np.ndarray:
        """Compute :meth:`sums` of images from their entries."""

    @abstractmethod
    def sums(self, truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Compute the additive sums from which the scores follow.

        Args:
            truth: Labels of N frames, (N,) or (N, C).
            scores: Scores of the frames, (N, C).

        Returns:
            Numbers of any shape, which may be added over parts of the set.
        """

    @abstractmethod
    def scores(self, sums: np.ndarray) -> dict[str, float]:
        """Compute the scores from :meth:`sums`."""

    @abstractmethod
    def scores_of_videos(self, sums: np.ndarray) -> dict[str, float]:
        """Compute the scores from the total of :meth:`video_sums`."""

    @abstractmethod
    def labeled(self, labels: np.ndarray) -> np.ndarray:
        """Return which frames or images have a label, bool (T,)."""

    def labeled_images(self, entries: Sequence) -> np.ndarray:
        """Return which images have a label; bool (N,)."""
        # An entry of an image starts with its truth.
        return self.labeled(np.asarray(entries)[:, 0])

    def video_sums(self, video: VideoPrediction) -> np.ndarray:
        """Compute :meth:`sums` of all frames and of those with a face."""
        face = video.has_face
        return np.stack(
            [
                self.sums(video.labels, video.scores),
                self.sums(video.labels[face], video.scores[face]),
            ]
        )

    def score_videos(self, predictions: VideoPredictions) -> dict[str, float]:
        """Score all labeled frames, and those with a face."""
        known = (v for v in predictions if v.labels is not None)
        return self.scores_of_videos(sum(map(self.video_sums, known)))

    def evaluate(self, size: int) -> dict:
        """Score the set.

        Args:
            size: Number of items of the data set.

        Returns:
            Scores by name, the same on every rank.
        """
        # Rank r of W holds items r, r + W, ... The sampler repeats items so
        # that all ranks have equally many; repeated ones come last.
        rank, world_size = get_dist_info()
        del self.results[len(range(rank, size, world_size)) :]
        if self.videos is not None:
            table = WindowTable.from_windows(self.results, len(self.classes))
            self.results[:] = [table]
            return super().evaluate(world_size)  # compute_metrics on rank 0
        if self.post_process is not None:
            raise ValueError(
                'post_process is for videos, but the data set has no '
                "metainfo['videos']."
            )
        entries = [entry for entry, _ in self.results]
        # Written first: a set without any label cannot be scored.
        if self.keeps_scored or self.out_file is not None:
            self._keep_images(entries)
        self.results.clear()
        if self.out_file is not None and not self._any_labeled(entries):
            warn_unlabeled()
            return {}
        scores = self.score_images(entries)
        if self.prefix:
            scores = {f'{self.prefix}/{k}': v for k, v in scores.items()}
        return scores

    def _keep_images(self, entries: list) -> None:
        """Keep and write the predictions of all ranks, on the first rank.

        Args:
            entries: Results of :meth:`image_entry` on this rank.
        """
        columns = [np.array(entries)]
        if self.out_file is not None:
            images = [image for _, image in self.results]
            columns += [np.array([path for path, _ in images], dtype=object)]
            columns += [np.array([scores for _, scores in images])]
        # One item per rank: a few arrays are pickled a hundred times faster
        # than a million small ones.
        parts = collect_results(
            [columns],
            get_world_size(),
            self.collect_device,
            self.collect_dir,
        )
        if parts is None:
            return
        scored, *written = (in_turn(column) for column in zip(*parts))
        if self.keeps_scored:
            self.scored = scored
        if self.out_file is not None:
            ImagePredictions(
                written[0], self.classes, written[1], scored[:, 0]
            ).to_csv(self.out_file)
            self._log_out_file()

    def _any_labeled(self, entries: list) -> bool:
        """Return whether an image of any rank has a label."""
        labeled = torch.tensor(0)
        if entries:  # a rank may have none
            labeled += int(self.labeled_images(entries).sum())
        all_reduce(labeled)
        return bool(labeled)

    def _log_out_file(self) -> None:
        print_log(f'The predictions are in {self.out_file}.', logger='current')

    def compute_metrics(self, results: list[WindowTable]) -> dict:
        """Score the windows of all videos.

        Args:
            results: The windows of each rank.
        """
        predictions = VideoPredictions.from_windows(
            WindowTable.in_turn(results),
            self.videos,
            self.classes,
            self.window_weights,
            self.no_face_score,
            self.dataset_meta.get('has_face'),
        )
        predictions = self._post_process(predictions)
        if self.out_file is not None:
            predictions.to_csv(self.out_file)
            self._log_out_file()
        if self.keeps_scored:
            self.scored = predictions
        known = [(v.has_face, self.labeled(v.labels)) for v in predictions]
        num_labeled = sum(int(labeled.sum()) for _, labeled in known)
        if not num_labeled and (self.out_file or self.keeps_scored):
            warn_unlabeled()
            return {}
        check_labeled(num_labeled)
        num_with_face = sum(int((face & x).sum()) for face, x in known)
        print_log(
            f'Scored {num_labeled:,} labeled frames, {num_with_face:,} of '
            'them with a face.',
            logger='current',
        )
        return self._score_all(predictions)

    def _post_process(self, predictions: VideoPredictions) -> VideoPredictions:
        """Apply the post-processing, and keep the stages of its steps."""
        steps = self.post_process
        if not isinstance(steps, PostProcessingSteps):
            return predictions.apply(steps)
        steps.fit(self._main_score)
        if steps.fit_files:
            print_log(f'Fitted to other videos: {steps}.', logger='current')
        self.stages = {'raw': predictions, **steps.stages(predictions)}
        return list(self.stages.values())[-1]

    def _main_score(self, predictions: VideoPredictions) -> float:
        return self.score_videos(predictions)[self.headline]

    def _score_all(self, predictions: VideoPredictions) -> dict[str, float]:
        """Score the final predictions, and each stage of the steps."""
        scores = self.score_videos(predictions)
        for name, stage in self.stages.items():
            key = 'raw' if name == 'raw' else f'after_{name}'
            scores[f'{self.headline}_{key}'] = self._main_score(stage)
        return scores

    def score(self, predictions: VideoPredictions) -> dict[str, float]:
        """Post-process and score predictions of a file or an ensemble.

        Returns:
            Scores by name; empty if no frame has a label.
        """
        classes = predictions.classes
        self.dataset_meta = dict(classes=classes)
        if self.task is not None:
            self.dataset_meta['tasks'] = {self.task: classes}
        known = [v.labels for v in predictions if v.labels is not None]
        if not any(self.labeled(labels).any() for labels in known):
            return {}
        scores = self._score_all(self._post_process(predictions))
        prefix = f'{self.prefix}/' if self.prefix else ''
        return {f'{prefix}{key}': value for key, value in scores.items()}


def in_turn(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join the items of W ranks, of which rank r has r, r + W, ..."""
    shape = sum(map(len, parts)), *parts[0].shape[1:]
    whole = np.empty(shape, parts[0].dtype)
    for rank, part in enumerate(parts):
        if len(part):  # an empty array lacks the other dimensions
            whole[rank :: len(parts)] = part
    return whole


def warn_unlabeled() -> None:
    """Log that a set has no labels."""
    print_log(
        'The set has no labels: nothing is scored.',
        logger='current',
        level=logging.WARNING,
    )


def check_labeled(num_labeled: int) -> None:
    """Raise a ValueError if no sample has a label."""
    if not num_labeled:
        raise ValueError(
            'there is nothing to score: no sample of the set has a label.'
        )


def to_numpy(value: Any) -> np.ndarray:
    """Convert a tensor (any device or dtype) or an array to NumPy."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.is_floating_point() else value).numpy()
    return np.asarray(value)
