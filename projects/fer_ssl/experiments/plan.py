"""Plan of an experiment: the steps to run, and the cells of its table."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..launch import read_config_file, replace_data_root
from ..utils.config_options import entry_of, option_text, option_value

#: Name in braces, of a variable or a step.
REFERENCE = re.compile(r'\{([^{}]+)\}')


@dataclass
class Step:
    """One training, test or extraction of features with one seed.

    In ``checkpoint``, ``options`` and ``env``, the key of another step in
    braces stands for the result of that step: the last checkpoint of a
    training, the feature store of an extraction, the predictions of a test
    (``predictions.csv``, if a metric writes them). ``{folder}`` stands for the
    step's own folder.

    Args:
        name: Name of the step in the study.
        labels: Values of the variables that this step and the steps before it
            use.
        seed: Seed of the training.
        kind: ``'train'``, ``'test'`` or ``'extract'``.
        config: Path of the config.
        checkpoint: Checkpoint that is tested or that extracts features; None
            for a training.
        options: Values for ``--cfg-options``, by dotted name.
        env: Environment variables.
        digest: Hash of all of the above, of the content of the config and of
            the digests of the steps before this one.
        after: Keys of the steps that must be finished first.
    """

    name: str
    labels: list[str]
    seed: int
    kind: str
    config: str
    checkpoint: str | None
    options: dict[str, Any]
    env: dict[str, str]
    digest: str
    after: list[str]

    @property
    def key(self) -> str:
        """Folder of the step, relative to the folder of the experiment."""
        return f'seed_{self.seed}/{self.title}-{self.digest}'

    @property
    def title(self) -> str:
        """Name and labels, which tell steps of the same name apart."""
        return '_'.join([self.name, *self.labels])


@dataclass
class Cell:
    """One number of the table: a score of one step with one seed."""

    row: str
    column: str
    seed: int
    step: str
    score: str


@dataclass
class Plan:
    """Steps that an experiment runs, and the cells of the table it shows.

    Args:
        differences: ``'above'`` or ``'last'``: the row that every row is
            compared with; None for no comparison.
        steps: Steps by their keys, each after the steps that it needs.
        cells: Cells of the table, row by row.
    """

    differences: str | None = None
    steps: dict[str, Step] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def add_step(
        self,
        where: str,
        name: str,
        kind: str,
        path: Path,
        seed: int,
        labels: Sequence[str] = (),
        checkpoint: str | None = None,
        options: Mapping[str, Any] = {},
        env: Mapping[str, str] = {},
        after: Sequence[str] = (),
    ) -> Step:
        """Add a step, unless the plan has an equal one.

        Args:
            where: Beginning of error messages.
            path: Path of the config.

        The other arguments are those of :class:`Step`.

        Returns:
            The step in the plan.

        Raises:
            ValueError: The config rejects an option or a variable, or an
                option cannot be passed on a command line.
        """
        options = dict(options)
        if kind == 'train':
            options['randomness.seed'] = seed
        config = read_config(path, env, {}, where)
        for key, value in options.items():
            # A script must read the same value from its command line; a
            # number where the config has text is that number as text.
            read = option_value(option_text(value), entry_of(config, key))
            options[key] = read
            if read not in (value, str(value)):
                raise ValueError(
                    f'{where}.cfg_options.{key}: {value!r} cannot be passed '
                    'by --cfg-options. Write it into a config of your own '
                    'that inherits from this one.'
                )
        _merge(config, options, where)
        evaluator = {'train': 'val_evaluator', 'test': 'test_evaluator'}
        if kind in evaluator:
            metrics = metric_configs(config, evaluator[kind])
            options.update(_own_files(metrics))
        # Covers the content of the config and, by the keys in braces, the
        # steps before: after any change the step gets another folder, so that
        # no stale result is used.
        recipe = [kind, config.to_dict(), checkpoint, options, dict(env)]
        text = json.dumps(recipe, default=str, sort_keys=True)
        before = dict.fromkeys(
            label for key in after for label in self.steps[key].labels
        )
        step = Step(
            name=name,
            labels=[*before, *(x for x in labels if x not in before)],
            seed=seed,
            kind=kind,
            config=str(path.resolve()),
            checkpoint=checkpoint,
            options=options,
            env=dict(env),
            digest=hashlib.sha256(text.encode()).hexdigest()[:8],
            after=list(after),
        )
        return self.steps.setdefault(step.key, step)


def read_config(
    path: Path, env: Mapping[str, str], options: Mapping, where: str = ''
) -> Config:
    """Read a config as a process with these variables and options sees it.

    Raises:
        ValueError: The config rejects a variable, or an option does not fit;
            the message begins with ``where``.
    """
    try:
        with _environment(env):
            config = read_config_file(path, import_custom_modules=False)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None
    _merge(config, options, where)
    return config


def _merge(config: Config, options: Mapping[str, Any], where: str) -> None:
    """Change a config as ``--cfg-options`` does."""
    data_root = config.get('data_root')
    try:
        config.merge_from_dict(dict(options))
    except (AssertionError, KeyError, TypeError) as error:
        message = f'{where}: cfg_options: {error.args[0]}'
        raise ValueError(message) from None
    if 'data_root' in options:
        replace_data_root(config, data_root, config.data_root)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the duration of a block."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def metric_configs(config: Config, key: str) -> dict[str, Mapping]:
    """Return the configs of all metrics by their places in the config.

    Args:
        config: The config.
        key: ``'val_evaluator'`` or ``'test_evaluator'``: a metric, a list of
            them, or an evaluator with ``metrics``.

    Returns:
        ``{'test_evaluator.metrics.0': dict(type=...), ...}``
    """
    found = config.get(key)
    if isinstance(found, Mapping) and 'metrics' in found:
        key, found = f'{key}.metrics', found['metrics']
    if isinstance(found, (list, tuple)):
        return {f'{key}.{index}': metric for index, metric in enumerate(found)}
    return {} if found is None else {key: found}


def _own_files(metrics: Mapping[str, Mapping]) -> Iterator[tuple[str, str]]:
    """Yield options that keep predictions in the step's own folder.

    Otherwise two steps of one config would write the same file.
    """
    for place, metric in metrics.items():
        if metric.get('out_file'):
            name = Path(metric['out_file']).name
            yield f'{place}.out_file', f'{{folder}}/{name}'
