"""Short trainings in processes of their own, for the times of their steps."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..experiments.training_runs import run_logged


@dataclass
class StepTimes:
    """Seconds of every step of a training.

    Attributes:
        total: float64 (N,).
        waiting: Share of it in which the loop waited for data, float64 (N,).
    """

    total: np.ndarray
    waiting: np.ndarray

    @property
    def waiting_share(self) -> float:
        """Share of all steps that was waiting, in [0, 1]."""
        return float(self.waiting.sum() / self.total.sum())

    @property
    def computing_ms(self) -> float:
        """Median step without waiting, ms."""
        return float(np.median(self.total - self.waiting) * 1e3)


def time_training(
    train: Path,
    config: str,
    folder: Path,
    iterations: int,
    options: Sequence[str] = (),
    ranks: int = 1,
) -> StepTimes:
    """Train for some steps and read their times from the log.

    The first third of the steps, at least one, is left out: it loads the
    first batches and chooses kernels.

    Args:
        train: The script ``tools/train.py``.
        config: Config with a loop that counts iterations.
        folder: Where the training is kept; its output goes to
            ``training.log`` there.
        iterations: Steps, at least two.
        options: More for ``--cfg-options``.
        ranks: Processes.

    Raises:
        RuntimeError: The training failed; the message names its output.
    """
    if iterations < 2:
        raise ValueError(f'iterations={iterations}: at least two are needed')
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


def on_one_thread_each() -> None:
    """Let the trainings that follow use the CPU, one thread per process."""
    os.environ.update(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
