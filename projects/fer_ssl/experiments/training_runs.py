"""Running of scripts as processes, and reading of their logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def start_logged(
    command: Sequence[str],
    log: Path,
    variables: Mapping[str, str] = {},
    **kwargs,
) -> subprocess.Popen:
    """Start a Python script and append its output to a file.

    Args:
        command: The script and its arguments.
        log: The file; its folder is made.
        variables: Variables to add to the environment.
        kwargs: Further arguments of ``Popen``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'a', encoding='utf-8') as file:
        return subprocess.Popen(
            [sys.executable, *command],
            stdout=file,
            stderr=file,
            env={**os.environ, **variables},
            **kwargs,
        )


def run_logged(
    command: Sequence[str], log: Path, variables: Mapping[str, str] = {}
) -> None:
    """Run a Python script and write its output to a file.

    Args:
        command: The script and its arguments.
        log: The file; its folder is made.
        variables: Variables to add to the environment.

    Raises:
        RuntimeError: The script failed; the message has the last line of the
            file.
    """
    log.unlink(missing_ok=True)
    with start_logged(command, log, variables) as process:
        try:
            status = process.wait()
        except BaseException:
            process.kill()
            raise
    if status:
        last = log.read_text('utf-8').strip().rpartition('\n')[2]
        raise RuntimeError(f'a training or test failed, see {log}: {last}')


def log_lines(folder: Path) -> list[dict]:
    """Read the log of a training, including the time before interruptions.

    Args:
        folder: ``work_dir`` of the training.
    """
    lines: list[str] = []
    for log in sorted(folder.glob('*/vis_data/scalars.json')):
        lines += log.read_text('utf-8').splitlines()
    # A process that was killed may leave half a line.
    return [json.loads(line) for line in lines if line.endswith('}')]


def scores_of_test(folder: Path) -> dict[str, float]:
    """Read the scores of the latest test in a folder.

    Args:
        folder: ``work_dir`` of the test.

    Returns:
        Scores by name; there are none if the data has no labels.
    """
    logs = sorted(folder.glob('*/*.json'))
    scores = json.loads(logs[-1].read_text('utf-8')) if logs else {}
    return {k: v for k, v in scores.items() if k not in ('time', 'data_time')}
