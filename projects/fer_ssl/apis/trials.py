"""Trainings and tests as processes of their own, with their scores."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run_logged(command: Sequence[str], log: Path) -> None:
    """Run a Python script; what it prints goes to a file.

    Args:
        command: The script and its arguments.
        log: The file. Folders are made.

    Raises:
        RuntimeError: It failed; the message has the last line of the file.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'w', encoding='utf-8') as file:
        status = subprocess.run(
            [sys.executable, *command], stdout=file, stderr=file
        ).returncode
    if status:
        last = log.read_text('utf-8').strip().rpartition('\n')[2]
        raise RuntimeError(f'a training or test failed, see {log}: {last}')


def scores_of_validation(folder: Path, score: str) -> dict[str, float]:
    """Scores of the last validation of the latest training in a folder.

    Args:
        folder: Its ``work_dir``.
        score: One of the scores, by which their line is known.

    Raises:
        RuntimeError: There was no validation.
    """
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    lines = logs[-1].read_text('utf-8').splitlines() if logs else []
    found = [line for line in map(json.loads, lines) if score in line]
    if not found:
        raise RuntimeError(f'{folder}: no validation with a score {score}')
    return found[-1]


def scores_of_test(folder: Path) -> dict[str, float]:
    """Scores of the latest test in a folder; nothing where it had no labels.

    Args:
        folder: Its ``work_dir``.
    """
    logs = sorted(folder.glob('*/*.json'))
    scores = json.loads(logs[-1].read_text('utf-8')) if logs else {}
    return {k: v for k, v in scores.items() if k not in ('time', 'data_time')}
