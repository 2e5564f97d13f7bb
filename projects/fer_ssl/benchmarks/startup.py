"""Time until something happens: imports, first iteration, resume."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

from .timing import in_turns


def import_commands(modules: Sequence[str]) -> dict[str, list[str]]:
    """Commands that import one module each, by name."""
    return {
        f'import {module}': [sys.executable, '-c', f'import {module}']
        for module in modules
    }


def training_command(
    script: str, config: str, work_dir: str, iterations: int, resume: bool
) -> list[str]:
    """Training up to an iteration, without validation.

    A resumed one leaves no checkpoint, so that it can be repeated.

    Args:
        script: ``tools/train.py``.
        config: Of the spatial phase.
        work_dir: Of the training.
        iterations: Where it ends.
        resume: Go on from the latest checkpoint of ``work_dir``.
    """
    options = [
        f'train_cfg.max_iters={iterations}',
        'model.network.init_cfg=None',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
        'default_hooks.checkpoint.save_best=None',
        f'default_hooks.checkpoint.interval={iterations}',
    ]
    if resume:
        options += [
            'default_hooks.checkpoint.interval=-1',
            'default_hooks.checkpoint.save_last=False',
        ]
    command = [sys.executable, script, config, '--work-dir', work_dir]
    return [*command, *(['--resume'] * resume), '--cfg-options', *options]


def compare_startup(
    commands: Mapping[str, Sequence[str]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of the processor of each command, in turns.

    Args:
        commands: By name.

    Raises:
        RuntimeError: A command failed; with the end of what it printed.
    """
    return in_turns(
        {n: partial(_processor_seconds, c) for n, c in commands.items()},
        rounds,
    )


def _processor_seconds(command: Sequence[str]) -> float:
    """Time of a process and of those that it has waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
    )
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)}:\n{done.stdout[-2000:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def startup_rows(seconds: Mapping[str, Sequence[float]]) -> list[dict]:
    """Median, least and most of the seconds of each command.

    ``more_than_first`` is the median minus that of the first command.
    """
    first = median(next(iter(seconds.values())))
    return [
        dict(
            command=name,
            processor_s=f'{median(own):.2f}',
            least=f'{min(own):.2f}',
            most=f'{max(own):.2f}',
            more_than_first=f'{median(own) - first:.2f}',
        )
        for name, own in seconds.items()
    ]
