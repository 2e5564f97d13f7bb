"""Windows over videos, and metrics on one process and on several ranks."""

import numpy as np
import torch
import torch.distributed
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS

from tests.helpers.ranks import run_on_ranks


def windows_over(videos, predict, width=5, stride=3):
    """Samples of windows over videos, some of which reach past the end.

    Args:
        videos: Labels (T, ...) by name. ``'no face'`` gets no window.
        predict: Function that gives the scores (width, C) of a window from
            its labels.
    """
    samples = []
    for name, labels in videos.items():
        if name == 'no face':
            continue
        last = max(len(labels) - width, 0)
        for start in sorted({*range(0, last, stride), last}):
            frames = np.arange(start, start + width)
            valid = (frames < len(labels)) & (frames % 4 != 3)
            scores = predict(labels[np.minimum(frames, len(labels) - 1)])
            samples.append(
                dict(
                    video=name,
                    start=start,
                    pred_score=torch.tensor(scores),
                    valid=torch.tensor(valid),
                )
            )
    return samples


def evaluate(metric, samples, meta, batch_size=4):
    """Scores of a metric in a single process, as an Evaluator gets them."""
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for i in range(0, len(samples), batch_size):
        evaluator.process(samples[i : i + batch_size])
    return evaluator.evaluate(len(samples))


def evaluate_part(metric, samples, meta):
    """Scores of a metric that processes the samples of the current rank."""
    metric.dataset_meta = meta
    for i in DefaultSampler(samples, shuffle=False, seed=0):
        metric.process(None, [samples[i]])
    return metric.evaluate(len(samples))


def act_as_rank(monkeypatch, rank, world_size):
    """Make the sampler and the metric of frames believe in several ranks."""
    for module in (
        'mmengine.dataset.sampler',
        'fer_ssl.evaluation.metrics.frame_prediction_metric',
    ):
        monkeypatch.setattr(
            f'{module}.get_dist_info', lambda: (rank, world_size)
        )


def _evaluate_as_rank(cases, folder):
    torch.distributed.init_process_group('gloo')
    results = []
    for number, (config, samples, meta) in enumerate(cases):
        metric = METRICS.build(
            dict(config, collect_dir=f'{folder}/parts{number}')
        )
        metric.keeps_scored = True
        scores = evaluate_part(metric, samples, meta)
        results.append((scores, metric.scored))
    torch.distributed.destroy_process_group()
    return results


def evaluate_on_ranks(cases, folder):
    """Evaluate ``(config of a metric, samples, meta)`` on two ranks.

    Returns:
        For each rank, the scores of each case and what the metric keeps for a
        report.
    """
    args = cases, str(folder)
    return run_on_ranks(_evaluate_as_rank, args, 2, f'{folder}/results')
