"""Time of one iteration of the spatial phase, compared with other loops.

On the same batches, which are kept in memory: the package's iteration with
every estimator of the feedback, the same mathematics as a plain PyTorch loop,
and optionally the loop of another implementation.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Callable

import torch
from mmengine.config import Config

from ..timing import alternate
from .floor import BASELINE, ESTIMATORS, NO_FEEDBACK, REFERENCE, passes
from .package_step import (
    PackageLoop,
    build_runner,
    paper_config,
    random_batches,
)
from .plain_step import PlainLoop


def compare_steps(
    config: Config,
    baseline: Callable | None = None,
    estimators: Sequence[str] = ESTIMATORS,
    labeled: int = 32,
    unlabeled: int = 32,
    size: int = 224,
    rounds: int = 5,
    steps: int = 2,
) -> dict[str, list[float]]:
    """Measure all implementations in alternation.

    Args:
        config: Config of the spatial phase.
        baseline: Builds the loop of another implementation, with ``run`` as
            in :class:`PlainLoop` and ``weights``, the number of weights of a
            network. Its arguments are the number of classes, ``labeled``,
            ``unlabeled``, ``size`` and the type of the device.
        estimators: Estimators of the feedback; a step without feedback is
            always measured.
        labeled: Labeled faces per step.
        unlabeled: Unlabeled faces per step.
        size: Side of the faces in pixels.
        rounds: Number of measurements of each implementation.
        steps: Steps per measurement, after one step of warm-up.

    Returns:
        Seconds per step in each round by implementation,
        :data:`~.floor.REFERENCE` first: wall-clock time on a GPU, otherwise
        CPU time on one thread.

    Raises:
        ValueError: The networks of the baseline have another size.
    """
    config = paper_config(config)
    classes = len(config.train_dataloader.dataset.metainfo.classes)
    batches = random_batches(classes, labeled, unlabeled, size)
    threads = torch.get_num_threads()
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            runner = build_runner(config, batches, folder)
            loops = {REFERENCE: PlainLoop(runner.model, config, batches)}
            loops[NO_FEEDBACK] = PackageLoop(runner, None)
            for name in estimators:
                feedback = name
                if name == 'dot':
                    feedback = config.train_cfg.feedback
                loops[name] = PackageLoop(runner, feedback)
            if baseline is not None:
                device = next(runner.model.parameters()).device.type
                loop = baseline(classes, labeled, unlabeled, size, device)
                _check_weights(loop.weights, runner.model.student)
                loops[BASELINE] = loop
            seconds = alternate(
                {
                    name: partial(_seconds, loop, steps, on_gpu)
                    for name, loop in loops.items()
                },
                rounds,
            )
            for logger in (runner.logger, runner.visualizer):
                _close(logger)
    finally:
        torch.set_num_threads(threads)
    return seconds


def _check_weights(found: int, student: torch.nn.Module) -> None:
    weights = sum(x.numel() for x in student.parameters())
    if found != weights:
        raise ValueError(
            f'{BASELINE}: a network of {found:,} weights cannot be compared '
            f'with that of the config, which has {weights:,}; use a config '
            'with ResNet-50.'
        )


def _seconds(loop, steps: int, on_gpu: bool) -> float:
    """Mean seconds per step, after one step of warm-up."""
    clock = time.perf_counter if on_gpu else time.process_time
    stamps = {}

    def stamp(number: int) -> None:
        if number in (1, steps + 1):
            if on_gpu:
                torch.cuda.synchronize()
            stamps[number] = clock()

    loop.run(steps + 1, stamp)
    return (stamps[steps + 1] - stamps[1]) / steps


def _close(owner) -> None:
    for part in getattr(owner, 'handlers', []) or [owner]:
        part.close()


def step_rows(
    seconds: Mapping[str, Sequence[float]], labeled: int, unlabeled: int
) -> list[dict]:
    """Make the rows of the table; times are medians over the rounds.

    ``images_per_s`` counts labeled and unlabeled faces, each once;
    ``ratio_to_reference`` is the median ratio of these rates, with ``min``
    and ``max`` over the rounds. ``feedback_fraction`` is the fraction of the
    step that is saved without feedback. ``cost`` is the minimum work of a
    step, in forward passes of one image.

    Args:
        seconds: Results of :func:`compare_steps`.
        labeled: Labeled faces per step.
        unlabeled: Unlabeled faces per step.
    """
    device = 'cpu'
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    table = []
    for name, own in seconds.items():
        is_package = name not in (REFERENCE, BASELINE)
        ratios = [a / b for a, b in zip(seconds[REFERENCE], own)]
        fraction = ''
        if is_package:
            pairs = zip(seconds[NO_FEEDBACK], own)
            fraction = f'{median(1 - a / b for a, b in pairs):.3f}'
        table.append(
            dict(
                implementation=f'fer_ssl, {name}' if is_package else name,
                device=device,
                images_per_s=f'{(labeled + unlabeled) / median(own):.2f}',
                ratio_to_reference=f'{median(ratios):.3f}',
                min=f'{min(ratios):.3f}',
                max=f'{max(ratios):.3f}',
                steps_per_s=f'{1 / median(own):.4f}',
                feedback_fraction=fraction,
                cost=passes(name, labeled, unlabeled).cost,
            )
        )
    return table
