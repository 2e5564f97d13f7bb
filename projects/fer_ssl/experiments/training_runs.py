"""Trainings and tests as processes of their own, with their scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..utils.data_files import read_json
from ..utils.files import write_json
from ..utils.tables import markdown_table, mean_and_std


def start_logged(
    command: Sequence[str],
    log: Path,
    variables: Mapping[str, str] = {},
    **kwargs,
) -> subprocess.Popen:
    """Start a Python script; what it prints is added to a file.

    Args:
        command: The script and its arguments.
        log: The file. Folders are made.
        variables: Added to the environment.
        kwargs: More for ``Popen``.
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
    """Run a Python script; what it prints goes to a file.

    Args:
        command: The script and its arguments.
        log: The file. Folders are made.
        variables: Added to the environment.

    Raises:
        RuntimeError: It failed; the message has the last line of the file.
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


def train_once(
    train: Path,
    config: str,
    folder: Path,
    options: Sequence[str],
    columns: Sequence[str],
    variables: Mapping[str, str] = {},
) -> dict[str, float]:
    """Train, unless the same training has been finished in the folder.

    It is the same with the same config, options and variables ``FER_SSL_*``,
    as long as no file has changed that the config or a variable is, such as
    the weights to start from. The scores are kept in ``scores.json``, what is
    printed in ``log.txt``.

    Args:
        train: The script ``tools/train.py``.
        config: Config of a training that ends with a validation.
        folder: Its ``work_dir``.
        options: More for ``--cfg-options``.
        columns: Names of the scores.
        variables: Added to the environment.

    Returns:
        Those of the last validation, and the median time of an iteration,
        ``ms_per_step``, NaN where the training was too short to log any.

    Raises:
        RuntimeError: The training failed; the message names its output.
    """
    environment = {**os.environ, **variables}
    own = {k: v for k, v in environment.items() if k.startswith('FER_SSL_')}
    trial = dict(
        config=config,
        options=list(options),
        variables=own,
        changed={
            path: os.stat(path).st_mtime_ns
            for path in (config, *own.values())
            if os.path.isfile(path)
        },
    )
    file = folder / 'scores.json'
    done = read_json(file) if file.exists() else {}
    if not isinstance(done, dict) or done.get('trial') != trial:
        command = [str(train), config, f'--work-dir={folder}']
        run_logged(
            [*command, '--cfg-options', *options],
            folder / 'log.txt',
            variables,
        )
        last = scores_of_validation(folder, columns[0])
        scores = {name: last[name] for name in columns}
        scores['ms_per_step'] = _ms_per_step(folder)
        done = dict(trial=trial, scores=scores)
        write_json(file, done)
    return done['scores']


def log_lines(folder: Path, resumed: bool = False) -> list[dict]:
    """What the latest training in a folder has logged.

    Args:
        folder: Its ``work_dir``.
        resumed: Also what it had logged before it was interrupted; the folder
            must hold one training only.
    """
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    lines = []
    for log in logs if resumed else logs[-1:]:
        lines += log.read_text('utf-8').splitlines()
    # A process that was killed may leave half a line.
    return [json.loads(line) for line in lines if line.endswith('}')]


def _ms_per_step(folder: Path) -> float:
    times = [x['time'] for x in log_lines(folder) if 'iter' in x]
    return 1e3 * float(np.median(times)) if times else float('nan')


def scores_of_validation(folder: Path, score: str) -> dict[str, float]:
    """Scores of the last validation of the latest training in a folder.

    Args:
        folder: Its ``work_dir``.
        score: One of the scores, by which their line is known.

    Raises:
        RuntimeError: There was no validation.
    """
    found = [line for line in log_lines(folder) if score in line]
    if not found:
        raise RuntimeError(f'{folder}: no validation with a score {score}')
    return found[-1]


def spread_table(
    rows: Sequence[dict], group: str, titles: Mapping[str, str]
) -> str:
    """Markdown table, mean ± standard deviation (n - 1) over the seeds.

    Args:
        rows: One for each training.
        group: Column that the rows of one line have in common.
        titles: Heading of each column with numbers, by its name.
    """
    lines = []
    for name in dict.fromkeys(row[group] for row in rows):
        own = [row for row in rows if row[group] == name]
        cells = [
            mean_and_std([row[column] for row in own]) for column in titles
        ]
        lines.append([name, *cells])
    return markdown_table([group, *titles.values()], lines)


def scores_of_test(folder: Path) -> dict[str, float]:
    """Scores of the latest test in a folder; nothing where it had no labels.

    Args:
        folder: Its ``work_dir``.
    """
    logs = sorted(folder.glob('*/*.json'))
    scores = json.loads(logs[-1].read_text('utf-8')) if logs else {}
    return {k: v for k, v in scores.items() if k not in ('time', 'data_time')}
