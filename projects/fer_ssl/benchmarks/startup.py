"""Start-up time of imports, of a first iteration and of a resumed one."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

from .timing import alternate


def import_commands(modules: Sequence[str]) -> dict[str, list[str]]:
    """Return commands that import one module each, by name."""
    return {
        f'import {module}': [sys.executable, '-c', f'import {module}']
        for module in modules
    }


def training_command(
    script: str, config: str, work_dir: str, iterations: int, resume: bool
) -> list[str]:
    """Return the command of a training without validation.

    A resumed training saves no checkpoint, so that it can be repeated.

    Args:
        script: Path of ``tools/train.py``.
        config: Config of the spatial phase.
        work_dir: Work directory.
        iterations: Iteration at which the training ends.
        resume: Whether to resume from the latest checkpoint in ``work_dir``.
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
    """Measure the CPU seconds of each command, in alternation.

    Args:
        commands: Commands by name.
        rounds: Number of runs of each command.

    Raises:
        RuntimeError: A command failed; the message has the end of its output.
    """
    return alternate(
        {name: partial(_cpu_seconds, x) for name, x in commands.items()},
        rounds,
    )


def _cpu_seconds(command: Sequence[str]) -> float:
    """CPU time of a process and of the children that it has waited for."""
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
    """Summarize the seconds of each command as median, minimum and maximum.

    ``more_than_first`` is the median minus that of the first command.
    """
    first = median(next(iter(seconds.values())))
    return [
        dict(
            command=name,
            processor_s=f'{median(own):.2f}',
            min=f'{min(own):.2f}',
            max=f'{max(own):.2f}',
            more_than_first=f'{median(own) - first:.2f}',
        )
        for name, own in seconds.items()
    ]
