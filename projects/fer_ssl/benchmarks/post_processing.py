"""Speed of post-processing, scores and submissions, compared with SciPy.

Every task is done by this package and by plain code on SciPy and scikit-learn.
The results are compared before anything is measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from types import ModuleType
from typing import Callable

import numpy as np
from scipy import ndimage, stats

from ..datasets.videos.submission_frames import HEADERS, FrameList
from ..evaluation.metrics.action_unit_metric import ActionUnitMetric
from ..evaluation.metrics.macro_f1_metric import MacroF1Metric
from ..evaluation.metrics.valence_arousal_metric import ValenceArousalMetric
from ..evaluation.post_processing.majority_smoothing import MajoritySmoothing
from ..evaluation.post_processing.post_processor import PostProcessor
from ..evaluation.post_processing.probability_smoothing import (
    ProbabilitySmoothing,
)
from ..evaluation.submission import write_submission
from ..evaluation.video_predictions import VideoPrediction, VideoPredictions
from ..labels import (
    ABAW_TRACKS,
    IGNORE_LABEL,
    IGNORE_VALENCE_AROUSAL,
)
from ..utils.tables import markdown_table
from .timing import Speed, compare_rates

OWN, BASELINE = 'fer_ssl', 'plain'


@dataclass
class FrameTask:
    """A task on predictions with two implementations.

    Attributes:
        name: Name of the task.
        own: Implementation of this package, () -> result.
        baseline: Implementation with SciPy or scikit-learn, () -> result.
        check: Raises an AssertionError if the two results differ.
    """

    name: str
    own: Callable
    baseline: Callable
    check: Callable


def make_predictions(
    track: str, num_frames: int, num_videos: int, seed: int = 0
) -> VideoPredictions:
    """Make random predictions with ground truth; a tenth is not annotated.

    Args:
        track: ``'EXPR'``, ``'VA'`` or ``'AU'``.
        num_frames: Number of frames of all videos together.
        num_videos: Number of videos, which are of about the same length.
        seed: Seed of the random numbers.
    """
    rng = np.random.default_rng(seed)
    columns = ABAW_TRACKS[track]
    videos = []
    for number, rows in enumerate(
        np.array_split(np.arange(num_frames), num_videos)
    ):
        shape = len(rows), len(columns)
        skipped = rng.random(len(rows)) < 0.1
        if track == 'EXPR':
            scores = rng.dirichlet(np.ones(len(columns)), len(rows))
            labels = rng.integers(0, len(columns), len(rows))
            labels[skipped] = IGNORE_LABEL
        elif track == 'VA':
            labels = rng.uniform(-1, 1, shape)
            scores = (labels + rng.normal(0, 0.3, shape)).clip(-1, 1)
            labels[skipped] = IGNORE_VALENCE_AROUSAL
        else:
            scores = rng.random(shape)
            labels = (rng.random(shape) < scores).astype(np.int64)
            labels[skipped] = IGNORE_LABEL
        videos.append(
            VideoPrediction(
                f'video{number:04d}',
                scores,
                labels=labels,
                has_face=rng.random(len(rows)) < 0.95,
            )
        )
    return VideoPredictions(videos, columns)


def frame_tasks(
    num_frames: int, num_videos: int, folder: str
) -> list[FrameTask]:
    """Make all tasks, on random predictions.

    Args:
        num_frames: Number of frames of all videos together.
        num_videos: Number of videos.
        folder: Folder to write submissions to.
    """
    _import_metrics()  # its absence should show before anything is measured
    sets = {
        track: make_predictions(track, num_frames, num_videos)
        for track in HEADERS
    }
    faces = sets['EXPR']
    tasks = [
        _smoothing(faces, ProbabilitySmoothing(101), _mean, 'probabilities'),
        _smoothing(faces, MajoritySmoothing(30), _votes, 'majority, sliding'),
        FrameTask(
            'majority, blocks',
            lambda: [
                MajoritySmoothing(30, 'block')(v.scores).argmax(axis=1)
                for v in faces
            ],
            lambda: [_block_modes(v.scores, 30) for v in faces],
            _same_arrays,
        ),
    ]
    for name, track, metric, baseline in (
        ('macro-F1', 'EXPR', MacroF1Metric(), _expression_scores),
        ('CCC', 'VA', ValenceArousalMetric(), _concordances),
        ('AU F1', 'AU', ActionUnitMetric(), _action_unit_scores),
    ):
        tasks.append(
            FrameTask(
                name,
                lambda metric=metric, track=track: metric.score(sets[track]),
                lambda plain=baseline, track=track: plain(sets[track]),
                _same_scores,
            )
        )
    for track in HEADERS:
        tasks.append(_submission(sets[track], track, folder))
    return tasks


def compare_frames(
    tasks: Sequence[FrameTask], num_frames: int, rounds: int
) -> dict[str, list[Speed]]:
    """Measure both implementations of each task, in CPU seconds.

    Args:
        tasks: Tasks to measure.
        num_frames: Number of frames that each task processes.
        rounds: Number of measurements of each implementation.

    Returns:
        Frames per second by task, the baseline first.

    Raises:
        AssertionError: The results of a task differ.
    """

    def rate(work: Callable) -> float:
        start = time.process_time()
        work()
        # The CPU clock may be too coarse for a small task.
        return num_frames / max(time.process_time() - start, 1e-6)

    found = {}
    for task in tasks:
        task.check(task.own(), task.baseline())
        found[task.name] = compare_rates(
            {
                BASELINE: lambda task=task: rate(task.baseline),
                OWN: lambda task=task: rate(task.own),
            },
            rounds,
        )
    return found


def describe_frames(found: dict[str, list[Speed]], num_frames: int) -> str:
    """Make a table of the median seconds of both, and of the speedup."""
    head = [f'{num_frames:,} frames', f'{OWN}, s', f'{BASELINE}, s']
    head += ['speedup', 'min', 'max']
    lines = []
    for name, (baseline, own) in found.items():
        seconds = [num_frames / median(x.rates) for x in (own, baseline)]
        ratios = median(own.ratios), min(own.ratios), max(own.ratios)
        cells = [f'{x:.3f}' for x in seconds] + [f'{x:.2f}' for x in ratios]
        lines.append([name, *cells])
    return markdown_table(head, lines)


# --------------------------------------------------------------------------
# The baseline implementations, with SciPy and scikit-learn
# --------------------------------------------------------------------------
def _import_metrics() -> ModuleType:
    try:
        from sklearn import metrics
    except ImportError:
        raise ImportError(
            'This benchmark compares with scikit-learn, which is not '
            'installed: `pip install scikit-learn`.'
        ) from None
    return metrics


def _smoothing(
    predictions: VideoPredictions,
    own: PostProcessor,
    baseline: PostProcessor,
    name: str,
) -> FrameTask:
    def apply(function: PostProcessor) -> list[np.ndarray]:
        return [function(video.scores) for video in predictions]

    return FrameTask(
        name, lambda: apply(own), lambda: apply(baseline), _close_arrays
    )


def _mean(scores: np.ndarray, window: int = 101) -> np.ndarray:
    """Mean over a window that is truncated at both ends."""
    filtered = ndimage.uniform_filter1d(
        scores.astype(np.float64), window, axis=0, mode='constant'
    )
    inside = ndimage.uniform_filter1d(
        np.ones(len(scores)), window, mode='constant'
    )
    return filtered / inside[:, None]


def _votes(scores: np.ndarray) -> np.ndarray:
    return _mean(np.eye(scores.shape[1])[scores.argmax(axis=1)], 30)


def _block_modes(scores: np.ndarray, window: int) -> np.ndarray:
    labels = scores.argmax(axis=1)
    whole = len(labels) // window * window
    parts = [labels[:whole].reshape(-1, window), labels[None, whole:]]
    modes = [
        np.repeat(stats.mode(part, axis=1).mode, part.shape[1])
        for part in parts
        if part.size
    ]
    return np.concatenate(modes)


def _joined(predictions: VideoPredictions, attribute: str) -> np.ndarray:
    return np.concatenate([getattr(x, attribute) for x in predictions])


def _expression_scores(predictions: VideoPredictions) -> dict[str, float]:
    metrics = _import_metrics()
    truth = _joined(predictions, 'labels')
    guess = _joined(predictions, 'scores').argmax(axis=1)
    face = _joined(predictions, 'has_face')
    classes = range(len(predictions.classes))

    def f1(use: np.ndarray, average: str | None):
        return 100 * metrics.f1_score(
            truth[use],
            guess[use],
            labels=classes,
            average=average,
            zero_division=0,
        )

    known = truth != IGNORE_LABEL
    scores = dict(
        macro_f1=f1(known, 'macro'),
        macro_f1_with_face=f1(known & face, 'macro'),
        uar=100
        * metrics.recall_score(
            truth[known], guess[known], labels=classes, average='macro'
        ),
        accuracy=100 * metrics.accuracy_score(truth[known], guess[known]),
    )
    for name, value in zip(predictions.classes, f1(known, None)):
        scores[f'f1_{name}'] = value
    return scores


def _concordances(predictions: VideoPredictions) -> dict[str, float]:
    truth = _joined(predictions, 'labels').astype(np.float64)
    guess = _joined(predictions, 'scores').astype(np.float64)
    known = (truth != IGNORE_VALENCE_AROUSAL).all(axis=1)
    scores = {}
    for suffix, use in (
        ('', known),
        ('_with_face', known & _joined(predictions, 'has_face')),
    ):
        values = []
        for column, name in enumerate(predictions.classes):
            t, p = truth[use, column], guess[use, column]
            covariance = stats.pearsonr(t, p).statistic * t.std() * p.std()
            denominator = t.var() + p.var() + (t.mean() - p.mean()) ** 2
            values.append(2 * covariance / denominator)
            scores[f'ccc_{name}{suffix}'] = values[-1]
        scores[f'ccc{suffix}'] = np.mean(values)
    return scores


def _action_unit_scores(predictions: VideoPredictions) -> dict[str, float]:
    metrics = _import_metrics()
    truth = _joined(predictions, 'labels').astype(np.int64)
    active = _joined(predictions, 'scores') > 0.5
    # Frames without annotation have none for any action unit.
    known = (truth != IGNORE_LABEL).all(axis=1)
    scores = {}
    for suffix, use in (
        ('', known),
        ('_with_face', known & _joined(predictions, 'has_face')),
    ):
        values = 100 * metrics.f1_score(
            truth[use], active[use].astype(np.int64), average=None
        )
        for name, value in zip(predictions.classes, values):
            scores[f'f1_{name}{suffix}'] = value
        scores[f'au_f1{suffix}'] = values.mean()
    return scores


def _submission(
    predictions: VideoPredictions, track: str, folder: str
) -> FrameTask:
    lengths = [(video.name, video.num_frames) for video in predictions]
    expected = FrameList.from_lengths(lengths, 'benchmark')
    paths = [
        os.path.join(folder, f'{track}_{name}.txt') for name in (OWN, BASELINE)
    ]

    def own() -> str:
        write_submission(predictions, expected, paths[0], track)
        return paths[0]

    def baseline() -> str:
        with open(paths[1], 'w', encoding='utf-8') as file:
            file.write(f'{HEADERS[track]}\n')
            for video in predictions:
                for frame, scores in enumerate(video.scores, start=1):
                    value = _cells(scores, track)
                    file.write(f'{video.name}/{frame:05d}.jpg,{value}\n')
        return paths[1]

    return FrameTask(f'submission, {track}', own, baseline, _same_files)


def _cells(scores: np.ndarray, track: str) -> str:
    if track == 'EXPR':
        return str(scores.argmax())
    if track == 'VA':
        return ','.join(f'{score:.6f}' for score in scores)
    return ','.join(str(int(score > 0.5)) for score in scores)


# --------------------------------------------------------------------------
# Equal results
# --------------------------------------------------------------------------
def _close_arrays(own: Sequence, baseline: Sequence) -> None:
    for one, other in zip(own, baseline):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def _same_arrays(own: Sequence, baseline: Sequence) -> None:
    for one, other in zip(own, baseline):
        np.testing.assert_array_equal(one, other)


def _same_scores(own: dict, baseline: dict) -> None:
    assert set(own) == set(baseline), set(own) ^ set(baseline)
    for name, value in own.items():
        np.testing.assert_allclose(
            value, baseline[name], rtol=1e-6, err_msg=name
        )


def _same_files(own: str, baseline: str) -> None:
    with open(own, 'rb') as first, open(baseline, 'rb') as second:
        assert first.read() == second.read(), f'{own} differs from {baseline}'
