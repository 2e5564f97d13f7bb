"""Timing: several variants in alternation, and the steps of a training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Callable

import numpy as np

from ..experiments.training_runs import run_logged
from ..utils.tables import markdown_table


@dataclass
class Speed:
    """Rates of one variant over the rounds.

    Attributes:
        name: Name of the variant.
        rates: Units per second in each round.
        ratios: Rate divided by that of the reference in each round.
    """

    name: str
    rates: list[float]
    ratios: list[float]


def alternate(
    variants: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Call all variants in every round and return their results by name.

    Within a round they run one after another, so that other load on the
    machine affects all of them. Every other round runs in reverse order, so
    that none of them always comes first.
    """
    results = {name: [] for name in variants}
    for number in range(rounds):
        names = list(variants)
        for name in names if number % 2 else reversed(names):
            results[name].append(variants[name]())
    return results


def compare_rates(
    variants: Mapping[str, Callable[[], float]], rounds: int
) -> list[Speed]:
    """Measure the rates of all variants with :func:`alternate`.

    Args:
        variants: Functions that do the work and return its rate, by name. The
            first one is the reference.
        rounds: Number of measurements of each variant.

    Returns:
        One entry per variant, the reference first.
    """
    rates = alternate(variants, rounds)
    reference = next(iter(rates.values()))
    return [
        Speed(name, own, [a / b for a, b in zip(own, reference)])
        for name, own in rates.items()
    ]


def describe(speeds: Sequence[Speed], head: str, unit: str) -> str:
    """Make a table with median, minimum and maximum of rates and ratios.

    Args:
        speeds: Results of :func:`compare_rates`.
        head: Head of the first column.
        unit: Unit of the rates.
    """
    heads = [head, unit, 'min', 'max']
    heads += [f'ratio to {speeds[0].name}', 'min', 'max']
    lines = []
    for speed in speeds:
        cells = [
            f'{function(values):.{digits}f}'
            for values, digits in ((speed.rates, 1), (speed.ratios, 2))
            for function in (median, min, max)
        ]
        lines.append([speed.name, *cells])
    return markdown_table(heads, lines)


@dataclass
class StepTimes:
    """Duration of every step of a training.

    Attributes:
        total: Seconds per step, float64 (N,).
        data: Seconds of a step spent waiting for data, float64 (N,).
    """

    total: np.ndarray
    data: np.ndarray

    @property
    def data_fraction(self) -> float:
        """Fraction of the total time spent waiting for data, in [0, 1]."""
        return float(self.data.sum() / self.total.sum())

    @property
    def compute_ms(self) -> float:
        """Median step without the wait for data, in ms."""
        return float(np.median(self.total - self.data) * 1e3)

    @property
    def data_ms(self) -> float:
        """Median wait for data per step, in ms."""
        return float(np.median(self.data) * 1e3)


def time_training(
    train: Path,
    config: str,
    folder: Path,
    iterations: int,
    options: Sequence[str] = (),
    ranks: int = 1,
) -> StepTimes:
    """Run a training in its own process and read the step times from its log.

    The first third of the steps, at least one, is left out, because it loads
    the first batches and selects kernels.

    Args:
        train: Path of ``tools/train.py``.
        config: Config with an iteration-based loop.
        folder: Work directory; the output goes to ``training.log`` in it.
        iterations: Number of steps, at least two.
        options: Additional ``--cfg-options``.
        ranks: Number of processes.

    Raises:
        RuntimeError: The training failed; the message names its log.
        ValueError: There are fewer than two iterations.
    """
    if iterations < 2:
        raise ValueError(f'iterations={iterations}: at least two are needed.')
    command = [str(train), config, '--work-dir', str(folder)]
    if ranks > 1:
        command += ['--launcher', 'pytorch']
        launch = '-m torch.distributed.run --standalone --nproc_per_node'
        command = [*launch.split(), str(ranks), *command]
    never = 10**9
    command += [
        '--cfg-options',
        f'train_cfg.max_iters={iterations}',
        f'train_cfg.val_interval={never}',
        f'default_hooks.checkpoint.interval={never}',
        'default_hooks.checkpoint.save_best=None',
        'default_hooks.logger.interval=1',
        'log_processor.window_size=1',
        *options,
    ]
    run_logged(command, folder / 'training.log')
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    rows = map(json.loads, logs[-1].read_text('utf-8').splitlines())
    rows = [row for row in rows if 'data_time' in row and 'iter' in row]
    rows = rows[max(iterations // 3, 1) : iterations]
    return StepTimes(
        np.array([row['time'] for row in rows]),
        np.array([row['data_time'] for row in rows]),
    )
