"""Trainings of several configs and seeds with the same number of steps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mmengine.config import Config

from ..launch import find_config
from .training_runs import train_once

#: Column -> heading. Scores in percent.
TITLES = dict(
    macro_f1='macro-F1',
    uar='UAR',
    accuracy='accuracy',
    ms_per_step='ms per step',
)
SCORES = ('macro_f1', 'uar', 'accuracy')


@dataclass(frozen=True)
class Entry:
    """One config of a comparison.

    Args:
        config: Path of the config.
        name: In the table.
        method: Value of the variable ``FER_SSL_METHOD``, which some configs
            read, or None.
    """

    config: str
    name: str
    method: str | None = None

    @classmethod
    def parse(cls, text: str) -> Entry:
        """From ``CONFIG`` or ``CONFIG:METHOD``; the method is the name, too.

        Raises:
            FileNotFoundError: There is no such config.
        """
        config, _, method = text.partition(':')
        path = find_config(config)
        return cls(str(path), method or path.stem, method or None)

    def read(self) -> Config:
        """The config, of the method."""
        os.environ.pop('FER_SSL_METHOD', None)
        os.environ.update(self.variables())
        try:
            return Config.fromfile(self.config)
        finally:
            os.environ.pop('FER_SSL_METHOD', None)

    def variables(self) -> dict[str, str]:
        """Variables of its trainings."""
        return dict(FER_SSL_METHOD=self.method) if self.method else {}


@dataclass
class MethodComparison:
    """Trains every config with every seed; finished trainings are kept.

    Each training validates once, at its end. Where a config draws the labeled
    faces (``labeled_per_class``), each seed draws others.

    Args:
        seeds: Of the trainings.
        iterations: Steps of every training.
        work_dir: Folder; each training has one of its own in it.
        train: The script ``tools/train.py``.
        network: Options of the network in every config, for example
            ``backbone.base_channels=16``.
        options: More for ``--cfg-options``; ``{seed}`` stands for the seed.
        jobs: Trainings at the same time.
    """

    seeds: Sequence[int]
    iterations: int
    work_dir: Path
    train: Path
    network: Sequence[str] = ()
    options: Sequence[str] = ()
    jobs: int = 1

    def run(
        self, entries: Sequence[Entry], baseline: Entry | None = None
    ) -> list[dict]:
        """Train them.

        Args:
            entries: Configs; a ``TeacherStudent`` gives a row for each
                network.
            baseline: Trained before; the others get its weights of the same
                seed in the variable ``FER_SSL_BASELINE``.

        Returns:
            Rows with ``method``, ``seed`` and the columns of :data:`TITLES`,
            those of the baseline first.

        Raises:
            ValueError: Two configs have the same name.
            RuntimeError: A training failed; the message names its output.
        """
        first = [] if baseline is None else [baseline]
        names = [entry.name for entry in (*first, *entries)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f'two configs are named {", ".join(twice)}')
        configs = {entry: entry.read() for entry in (*first, *entries)}
        return [
            *self._run(first, None, configs),
            *self._run(entries, baseline, configs),
        ]

    def _run(self, entries, baseline, configs: dict) -> list[dict]:
        def rows(training) -> list[dict]:
            entry, seed = training
            variables = entry.variables()
            if baseline is not None:
                weights = self._folder(baseline, seed)
                weights /= f'iter_{self.iterations}.pth'
                variables['FER_SSL_BASELINE'] = str(weights)
            return self._train(entry, configs[entry], seed, variables)

        with ThreadPoolExecutor(self.jobs) as pool:
            found = pool.map(rows, product(entries, self.seeds))
            return [row for several in found for row in several]

    def _folder(self, entry: Entry, seed: int) -> Path:
        return self.work_dir / entry.name / str(seed)

    def _train(self, entry, config, seed, variables) -> list[dict]:
        networks = ('',)
        if config.model.type == 'TeacherStudent':
            networks = ('student/', 'teacher/')
        scores = train_once(
            self.train,
            entry.config,
            self._folder(entry, seed),
            self._options(config, seed),
            [f'{network}{x}' for network in networks for x in SCORES],
            variables,
        )
        rows = []
        for network in networks:
            row = dict(method=f'{entry.name} {network[:-1]}'.rstrip())
            row.update(seed=seed)
            row.update((x, scores[f'{network}{x}']) for x in SCORES)
            row.update(ms_per_step=scores['ms_per_step'])
            rows.append(row)
            numbers = (f'{title} {row[x]:.2f}' for x, title in TITLES.items())
            print(f'{row["method"]}, seed {seed}:', *numbers, flush=True)
        return rows

    def _options(self, config: Config, seed: int) -> list[str]:
        last = self.iterations
        options = [
            f'randomness.seed={seed}',
            f'train_cfg.max_iters={last}',
            f'train_cfg.val_interval={last}',
            f'default_hooks.checkpoint.interval={last}',
            'default_hooks.checkpoint.save_best=None',
        ]
        loaders = dict(train_dataloader=config.train_dataloader)
        if 'unlabeled_dataloader' in config.train_cfg:
            name = 'train_cfg.unlabeled_dataloader'
            loaders[name] = config.train_cfg.unlabeled_dataloader
        for name, loader in loaders.items():
            if 'labeled_per_class' in loader.dataset:
                options.append(f'{name}.dataset.seed={seed}')
        place = 'model'
        if config.model.type == 'TeacherStudent':
            place = 'model.network'
        options += [f'{place}.{option}' for option in self.network]
        return options + [x.format(seed=seed) for x in self.options]
