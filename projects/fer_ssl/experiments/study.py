"""Ablations as a file: steps, and which of their scores make a table."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from ..launch import find_config, replace_data_root, warn_of_new_key
from ..utils.data_files import read_data_file

KINDS = ('train', 'test', 'extract')
STUDY_KEYS = ('seeds', 'differences', 'columns', 'rows', 'steps')
STEP_KEYS = (*KINDS, 'checkpoint', 'cfg_options', 'env')
DIFFERENCES = (None, 'above', 'last')
REFERENCE = re.compile(r'\{([^{}]+)\}')


@dataclass
class Step:
    """One training, test or extraction of features with one seed.

    In ``checkpoint``, ``options`` and ``env`` the key of another step in
    braces stands for what that step gives: of a training its last checkpoint,
    of an extraction the store; ``{folder}`` stands for the step's own folder.

    Args:
        name: Its name in the file.
        labels: Values of the variables that it and the steps before it use.
        seed: Of the training.
        kind: ``'train'``, ``'test'`` or ``'extract'``.
        config: Path of the config.
        checkpoint: What is tested or extracts.
        options: For ``--cfg-options``, by dotted name.
        env: Environment variables.
        digest: Changes with all of these, with what the config says and with
            the digests of the steps before it.
        after: Keys of the steps before it.
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
        """Its folder below that of the study."""
        return f'seed_{self.seed}/{self.title}-{self.digest}'

    @property
    def title(self) -> str:
        """Its name and what distinguishes it from others of that name."""
        return '_'.join([self.name, *self.labels])


@dataclass
class Cell:
    """A number of the table: the score of a step with one seed."""

    row: str
    column: str
    seed: int
    step: str
    score: str


@dataclass
class Plan:
    """What a study runs and shows.

    Args:
        differences: ``'above'`` or ``'last'``: the row that each row is
            compared with, or None.
        steps: By their keys, each after those that it needs.
        cells: Row by row.
    """

    differences: str | None = None
    steps: dict[str, Step] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)


class Study:
    """An ablation, declared in a YAML file; see ``docs/ablation.md``.

    Args:
        path: The file, or the name of one of the package.

    Raises:
        FileNotFoundError: There is no such file, or a config is missing.
        ValueError: It is faulty; the message names file and key.
    """

    def __init__(self, path: str) -> None:
        self.path = find_config(path)
        study = read_data_file(self.path)
        self._check_keys('', study, STUDY_KEYS, STUDY_KEYS[2:])
        self.seeds = study.get('seeds', [0])
        if not isinstance(self.seeds, list) or not self.seeds:
            self._refuse('seeds', 'must be a list of numbers')
        self.differences = study.get('differences')
        if self.differences not in DIFFERENCES:
            self._refuse('differences', 'must be above or last')
        self.steps, self.rows, self.columns = (
            study[name] for name in ('steps', 'rows', 'columns')
        )
        for group in ('steps', 'rows', 'columns'):
            if not isinstance(study[group], dict) or not study[group]:
                self._refuse(group, 'must map at least one name to a mapping')
            for name, value in study[group].items():
                if not isinstance(value, dict):
                    self._refuse(f'{group}.{name}', 'must be a mapping')
        # A row may be called 10, and YAML makes it a number.
        self.rows, self.columns = (
            {str(name): value for name, value in group.items()}
            for group in (self.rows, self.columns)
        )
        self._check_steps()
        self._check_variables()
        self._named: set[tuple[Path, str]] = set()

    def _refuse(self, where: str, problem: str) -> None:
        raise ValueError(f'{self.path}: {where}: {problem}')

    def _check_keys(
        self,
        where: str,
        value: Mapping,
        known: Iterable[str],
        needed: Iterable[str] = (),
    ) -> None:
        for key in value:
            if key not in known:
                self._unknown(f'{where}{key}', 'unknown key', key, known)
        for key in needed:
            if key not in value:
                self._refuse(f'{where}{key}', 'is missing')

    def _unknown(
        self, where: str, problem: str, name: str, known: Iterable[str]
    ) -> None:
        near = difflib.get_close_matches(name, known, 1)
        hint = f'did you mean {near[0]}?' if near else f'of {", ".join(known)}'
        self._refuse(where, f'{problem}; {hint}')

    def _check_steps(self) -> None:
        for name, step in self.steps.items():
            where = f'steps.{name}.'
            self._check_keys(where, step, STEP_KEYS)
            kinds = [kind for kind in KINDS if kind in step]
            if len(kinds) != 1:
                self._refuse(where[:-1], f'needs one of {", ".join(KINDS)}')
            if (kinds[0] == 'train') == ('checkpoint' in step):
                self._refuse(
                    f'{where}checkpoint',
                    'a test and an extraction have one, a training none',
                )
            self.find(f'{where}{kinds[0]}', step[kinds[0]])

    def _check_variables(self) -> None:
        """Refuse a variable that is used nowhere: it is misspelt."""
        used = set(_references(self.steps))
        for group in ('rows', 'columns'):
            own = getattr(self, group)
            known = [*used, *_references(own), 'step', 'score']
            for name, variables in own.items():
                for key in variables:
                    if key not in known:
                        where = f'{group}.{name}.{key}'
                        self._unknown(
                            where, f'no step has {{{key}}}', key, known
                        )
                    if key in self.steps or key == 'seed':
                        self._refuse(
                            f'{group}.{name}.{key}', 'names a step or the seed'
                        )

    def warn_of_new_keys(
        self, path: Path, env: Mapping[str, str], options: Mapping
    ) -> None:
        """Say once which options are unknown to a config, likely typos."""
        new = [key for key in options if (path, key) not in self._named]
        if new:
            config = read_config(path, env, {})
            for key in new:
                warn_of_new_key(config, key)
        self._named.update((path, key) for key in new)

    def find(self, where: str, name: str) -> Path:
        """Config beside this file, or else by path or name."""
        path = self.path.parent / name
        try:
            return path if path.is_file() else find_config(name)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{self.path}: {where}: {error}') from None

    def plan(
        self,
        seeds: Sequence[int] | None = None,
        only: Sequence[str] | None = None,
    ) -> Plan:
        """All steps in order, each once, and the cells of the table.

        Args:
            seeds: In place of those of the file.
            only: Rows to take.

        Raises:
            ValueError: There is no such row, step or variable, or a config
                does not take its options.
        """
        for name in only or ():
            if name not in self.rows:
                rows = ', '.join(self.rows)
                raise ValueError(
                    f'{self.path}: no row {name!r}; there are {rows}'
                )
        plan = Plan(self.differences)
        for seed in seeds or self.seeds:
            for row in only or self.rows:
                for column in self.columns:
                    self._add_cell(plan, row, column, seed)
        return plan

    def _add_cell(self, plan: Plan, row: str, column: str, seed: int) -> None:
        where = f'row {row!r}, column {column!r}'
        variables, labels = {}, {}
        for name, group in ((column, self.columns), (row, self.rows)):
            for key, value in group[name].items():
                variables[key] = value
                if isinstance(value, dict):  # empty: nothing is changed
                    value = name if value else ''
                labels[key] = _slug(value)
        for key in ('step', 'score'):
            if key not in variables:
                self._refuse(where, f'neither of the two gives {key!r}')
        step, score = variables.pop('step'), variables.pop('score')
        if step not in self.steps:
            self._unknown(where, f'no step {step!r}', step, self.steps)
        branch = _Branch(self, plan, variables, labels, seed)
        plan.cells.append(
            Cell(row, column, seed, branch.step(step).key, score)
        )


class _Branch:
    """The steps of one cell: names in braces are replaced."""

    def __init__(
        self,
        study: Study,
        plan: Plan,
        variables: dict,
        labels: dict[str, str],
        seed: int,
    ) -> None:
        self.study = study
        self.plan = plan
        self.variables = dict(variables, seed=seed)
        self.labels = labels
        self.known: dict[str, Step | None] = {}

    def step(self, name: str) -> Step:
        """A step and those that it needs, added to the plan."""
        if name in self.known:
            if self.known[name] is None:
                self.study._refuse(f'steps.{name}', 'needs its own result')
            return self.known[name]
        self.known[name] = None
        where = f'steps.{name}'
        given = self.study.steps[name]
        (kind,) = (kind for kind in KINDS if kind in given)
        used: dict[str, str] = {}
        after: list[str] = []

        def expand(key: str) -> Any:
            place = f'{where}.{key}'
            return self.expand(given.get(key), place, used, after)

        options = dict(_flat(expand('cfg_options') or {}))
        if kind == 'train':
            options['randomness.seed'] = self.variables['seed']
        env = {k: str(v) for k, v in (expand('env') or {}).items()}
        checkpoint = expand('checkpoint')
        for key, value in options.items():
            if DictAction._parse_iterable(option_text(value)) != value:
                self.study._refuse(
                    f'{where}.cfg_options.{key}',
                    f'{value!r} cannot be handed on by --cfg-options: write '
                    'it into a config of your own, which inherits this one',
                )
        path = self.study.find(f'{where}.{kind}', given[kind])
        config = read_config(path, env, options, f'{self.study.path}: {where}')
        self.study.warn_of_new_keys(path, env, options)
        evaluator = dict(train='val_evaluator', test='test_evaluator').get(
            kind
        )
        options.update(_own_files(evaluator, config.get(evaluator)))
        recipe = [kind, config.to_dict(), checkpoint, options, env]
        text = json.dumps(recipe, default=str, sort_keys=True)
        before = dict.fromkeys(
            label for key in after for label in self.plan.steps[key].labels
        )
        labels = [*before, *(x for x in used.values() if x not in before)]
        step = Step(
            name,
            labels,
            self.variables['seed'],
            kind,
            str(path.resolve()),
            checkpoint,
            options,
            env,
            hashlib.sha256(text.encode()).hexdigest()[:8],
            after,
        )
        self.known[name] = self.plan.steps.setdefault(step.key, step)
        return step

    def expand(
        self, value: Any, where: str, used: dict[str, str], after: list[str]
    ) -> Any:
        """Put variables in, and keys of steps in the place of their names."""
        if isinstance(value, dict):
            return {
                key: self.expand(x, f'{where}.{key}', used, after)
                for key, x in value.items()
            }
        if isinstance(value, list):
            return [self.expand(x, where, used, after) for x in value]
        if not isinstance(value, str):
            return value

        def replace(name: str) -> Any:
            if name in self.variables:
                own = self.variables[name]
                if self.labels.get(name):
                    used[name] = self.labels[name]
                return self.expand(own, where, used, after)
            if name not in self.study.steps:
                known = [*self.variables, *self.study.steps]
                problem = f'{{{name}}} is no step and no variable'
                self.study._unknown(where, problem, name, known)
            step = self.step(name)
            if step.key not in after:
                after.append(step.key)
            return f'{{{step.key}}}'

        whole = REFERENCE.fullmatch(value)
        if whole:
            return replace(whole[1])
        return REFERENCE.sub(lambda x: str(replace(x[1])), value)


def read_config(
    path: Path, env: Mapping[str, str], options: Mapping, where: str = ''
) -> Config:
    """Config as a process with these variables and options sees it.

    Raises:
        ValueError: The config refuses a variable, or an option does not fit;
            the message begins with ``where``.
    """
    try:
        with _environment(env):
            config = Config.fromfile(path, import_custom_modules=False)
    except ValueError as error:
        raise ValueError(f'{where}: {path}: {error}') from None
    data_root = config.get('data_root')
    try:
        config.merge_from_dict(dict(options))
    except (AssertionError, KeyError, TypeError) as error:
        message = f'{where}: cfg_options: {error.args[0]}'
        raise ValueError(message) from None
    if 'data_root' in options:
        replace_data_root(config, data_root, config.data_root)
    return config


def option_text(value: Any) -> str:
    """A value as ``--cfg-options`` reads it."""
    if isinstance(value, (list, tuple)):
        return f'[{",".join(map(option_text, value))}]'
    return str(value)


def _references(value: Any) -> Iterator[str]:
    """Names in braces, of all texts in a value."""
    if isinstance(value, str):
        yield from REFERENCE.findall(value)
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _references(part)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables, for a while."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _flat(options: Mapping, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Options by dotted name, of mappings in one another."""
    for key, value in options.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def _slug(value: Any) -> str:
    """Short text for the name of a folder."""
    return re.sub(r'[^\w.+-]+', '_', str(value)).strip('_')[-40:]


def _own_files(key: str | None, evaluators: Any) -> Iterator[tuple[str, str]]:
    """Options that keep predictions in the step's own folder.

    Two steps of one config would write the same file at once.
    """
    several = isinstance(evaluators, (list, tuple))
    for number, evaluator in enumerate(
        evaluators if several else [evaluators]
    ):
        if evaluator is not None and evaluator.get('out_file'):
            place = f'{key}.{number}' if several else key
            name = Path(evaluator['out_file']).name
            yield f'{place}.out_file', f'{{folder}}/{name}'
