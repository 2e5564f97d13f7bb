"""Trainings of several configs and seeds with the same number of steps."""

from __future__ import annotations

import csv
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from .launch import find_config
from .trials import train_once

SCORES = ('macro_f1', 'uar', 'accuracy')
VARIABLE = 'FER_SSL_METHOD'


@dataclass
class Entry:
    """One config of a comparison.

    Args:
        config: Path, or name of a config of the package.
        method: Value of the variable ``FER_SSL_METHOD`` that the config
            reads, or None.
    """

    config: str
    method: str | None = None

    @classmethod
    def parse(cls, text: str) -> Entry:
        """From ``CONFIG`` or ``CONFIG:METHOD``."""
        config, _, method = text.partition(':')
        return cls(str(find_config(config)), method or None)

    @property
    def name(self) -> str:
        return self.method or Path(self.config).stem


def compare_methods(
    entries: Sequence[Entry],
    seeds: Sequence[int],
    iterations: int,
    work_dir: Path,
    train: Path,
    options: Sequence[str] = (),
) -> list[dict]:
    """Train every config with every seed; finished trainings are kept.

    Each training validates once, at its end.

    Args:
        entries: Configs; a ``TeacherStudent`` gives a row for each network.
        seeds: Of the trainings.
        iterations: Steps of every training.
        work_dir: Folder; each training has one of its own in it.
        train: The script ``tools/train.py``.
        options: More for ``--cfg-options``; ``{seed}`` stands for the seed.

    Returns:
        Rows with ``method``, ``seed``, ``macro_f1``, ``uar`` and ``accuracy``
        in percent, and ``ms_per_step``.

    Raises:
        ValueError: Two entries have the same name.
        RuntimeError: A training failed; the message names its output.
    """
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'two configs are named {", ".join(twice)}')
    budget = [
        f'train_cfg.max_iters={iterations}',
        f'train_cfg.val_interval={iterations}',
        f'default_hooks.checkpoint.interval={iterations}',
        'default_hooks.checkpoint.save_best=None',
    ]
    rows = []
    for entry in entries:
        os.environ.pop(VARIABLE, None)
        if entry.method is not None:
            os.environ[VARIABLE] = entry.method
        networks = ('',)
        if Config.fromfile(entry.config).model.type == 'TeacherStudent':
            networks = ('student/', 'teacher/')
        for seed in seeds:
            scores = train_once(
                train,
                entry.config,
                work_dir / entry.name / str(seed),
                [
                    *budget,
                    f'randomness.seed={seed}',
                    *(x.format(seed=seed) for x in options),
                ],
                [f'{network}{x}' for network in networks for x in SCORES],
            )
            for network in networks:
                name = f'{entry.name} {network[:-1]}'.rstrip()
                row = {x: scores[f'{network}{x}'] for x in SCORES}
                time = scores['ms_per_step']
                row = dict(method=name, seed=seed, **row, ms_per_step=time)
                rows.append(row)
    return rows


def write_csv(rows: Sequence[dict], path: Path) -> None:
    """One line for each row."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)


def markdown_table(rows: Sequence[dict]) -> str:
    """Mean and standard deviation over the seeds of each method."""
    lines = [
        '| method | macro-F1 | UAR | accuracy | ms per step |',
        '| --- | ---: | ---: | ---: | ---: |',
    ]
    for name in dict.fromkeys(row['method'] for row in rows):
        cells = [name]
        for column in (*SCORES, 'ms_per_step'):
            values = [row[column] for row in rows if row['method'] == name]
            digits = 0 if column == 'ms_per_step' else 2
            cell = f'{statistics.mean(values):.{digits}f}'
            if len(values) > 1 and digits:
                cell += f' ± {statistics.stdev(values):.{digits}f}'
            cells.append(cell)
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'
