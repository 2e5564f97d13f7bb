"""Time of one iteration of the spatial phase, beside two other loops.

On the same batches, which lie in memory: the package's iteration with every
estimator of the feedback, the same mathematics as a loop written by hand, and
the loop of Meta-Face2Exp.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from mmengine.config import Config

from ..timing import in_turns
from .face2exp_step import Face2ExpLoop
from .floor import (
    ESTIMATORS,
    NO_FEEDBACK,
    PEER,
    REFERENCE,
    Passes,
    passes,
)
from .package_step import (
    PackageLoop,
    build_runner,
    paper_config,
    random_batches,
)
from .plain_step import PlainLoop


@dataclass
class StepSpeed:
    """Time of an implementation over the rounds.

    Attributes:
        name: :data:`REFERENCE`, :data:`PEER` or the estimator of the package.
        seconds: Of one step, in each round.
        images: Faces of a step, labeled and unlabeled, each once.
        ratios: Rate divided by the reference's, in each round.
        passes: What it has to compute.
    """

    name: str
    seconds: list[float]
    images: int
    ratios: list[float]
    passes: Passes


def compare_steps(
    config: Config,
    peer: str | None = None,
    estimators: Sequence[str] = ESTIMATORS,
    labeled: int = 32,
    unlabeled: int = 32,
    size: int = 224,
    rounds: int = 5,
    steps: int = 2,
) -> list[StepSpeed]:
    """Measure all implementations in turns.

    On a GPU in seconds of the clock, else in seconds of the processor on one
    thread.

    Args:
        config: Of the spatial phase.
        peer: Clone of Meta-Face2Exp; without, it is left out.
        estimators: Of the feedback; none at all is always measured.
        labeled: Labeled faces of a step.
        unlabeled: Unlabeled ones.
        size: Side of the faces, pixels.
        steps: Steps of a measurement; one more goes before it.

    Returns:
        The reference first.

    Raises:
        ValueError: The peer's network is not of the same size.
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
            if peer is not None:
                loops[PEER] = _peer_loop(
                    peer, runner.model, classes, labeled, unlabeled, size
                )
            seconds = in_turns(
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
    reference = seconds[REFERENCE]
    return [
        StepSpeed(
            name,
            own,
            labeled + unlabeled,
            [a / b for a, b in zip(reference, own)],
            passes(name, labeled, unlabeled),
        )
        for name, own in seconds.items()
    ]


def _peer_loop(folder, model, classes, labeled, unlabeled, size):
    device = next(model.parameters()).device.type
    loop = Face2ExpLoop(folder, classes, labeled, unlabeled, size, device)
    weights = sum(x.numel() for x in model.student.parameters())
    if loop.weights != weights:
        raise ValueError(
            f'{folder}: a network of {loop.weights:,} weights cannot be '
            f'compared with the one of the config, which has {weights:,}: '
            'take a config with ResNet-50.'
        )
    return loop


def _seconds(loop, steps: int, on_gpu: bool) -> float:
    """Seconds of one step, the mean of some after a first one."""
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


def rows(speeds: Sequence[StepSpeed]) -> list[dict]:
    """Rows of the table; times are medians over the rounds.

    ``images_per_s`` counts labeled and unlabeled faces, each once;
    ``ratio_to_reference`` is the median of the ratios of these rates;
    ``least`` and ``most`` are its extremes. ``feedback_share`` is the part of
    the step that goes away without feedback. ``cost`` is the number of
    forward passes of one image that the step cannot do without.
    """
    device = 'cpu'
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    without = {speed.name: speed for speed in speeds}[NO_FEEDBACK]
    table = []
    for speed in speeds:
        seconds = median(speed.seconds)
        own = speed.name not in (REFERENCE, PEER)
        share = ''
        if own:
            share = median(
                1 - a / b for a, b in zip(without.seconds, speed.seconds)
            )
            share = f'{share:.3f}'
        table.append(
            dict(
                implementation=f'fer_ssl, {speed.name}' if own else speed.name,
                device=device,
                images_per_s=f'{speed.images / seconds:.2f}',
                ratio_to_reference=f'{median(speed.ratios):.3f}',
                least=f'{min(speed.ratios):.3f}',
                most=f'{max(speed.ratios):.3f}',
                steps_per_s=f'{1 / seconds:.4f}',
                feedback_share=share,
                cost=speed.passes.cost,
            )
        )
    return table
