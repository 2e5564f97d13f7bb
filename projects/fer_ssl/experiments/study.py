"""Experiments declared in YAML: steps, and the scores that make a table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..launch import find_config, warn_of_new_key
from ..utils.data_files import read_data_file
from .plan import REFERENCE, Cell, Plan, Step, read_config

KINDS = ('train', 'test', 'extract')
STUDY_KEYS = ('seeds', 'differences', 'columns', 'rows', 'steps')
STEP_KEYS = (*KINDS, 'checkpoint', 'cfg_options', 'env')
DIFFERENCES = (None, 'above', 'last')


class Study:
    """An experiment declared in a YAML file; see ``docs/ablation.md``.

    Args:
        path: The file, or the name of a study of the package.

    Raises:
        FileNotFoundError: The file or one of its configs is missing.
        ValueError: The file is faulty; the message names file and key.
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
        # YAML reads a row named 10 as a number.
        self.rows, self.columns = (
            {str(name): value for name, value in group.items()}
            for group in (self.rows, self.columns)
        )
        self._check_steps()
        self._check_variables()
        self._checked: set[str] = set()

    def _refuse(self, where: str, problem: str) -> NoReturn:
        raise ValueError(f'{self.path}: {where}: {problem}.')

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
    ) -> NoReturn:
        known = list(dict.fromkeys(known))
        near = difflib.get_close_matches(name, known, 1)
        hint = f'did you mean {near[0]}?' if near else ', '.join(known)
        self._refuse(where, f'{problem} ({hint})')

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
                    'a test and an extraction need one, a training has none',
                )
            if not REFERENCE.search(str(step[kinds[0]])):
                self.find(f'{where}{kinds[0]}', step[kinds[0]])

    def _check_variables(self) -> None:
        """Refuse a variable that no step uses: it is likely misspelled."""
        groups = [self.steps, self.rows, self.columns]
        known = [*_references(groups), 'step', 'score']
        for group in ('rows', 'columns'):
            own = getattr(self, group)
            for name, variables in own.items():
                for key in variables:
                    if key not in known:
                        where = f'{group}.{name}.{key}'
                        self._unknown(
                            where, f'no step uses {{{key}}}', key, known
                        )
                    if key in self.steps or key == 'seed':
                        self._refuse(
                            f'{group}.{name}.{key}',
                            'is the name of a step or of the seed',
                        )

    def warn_of_new_keys(
        self, path: Path, env: Mapping[str, str], options: Mapping
    ) -> None:
        """Warn once about options that a config lacks: likely typos."""
        new = [key for key in options if key not in self._checked]
        if new:  # read it again, without the options
            config = read_config(path, env, {})
            for key in new:
                warn_of_new_key(config, key)
        self._checked.update(new)

    def find(self, where: str, name: str) -> Path:
        """Find a config next to this file, or else by path or name."""
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
        """Plan all steps in order, each once, and the cells of the table.

        Args:
            seeds: Seeds that replace those of the file.
            only: Names of the rows to include; all rows by default.

        Raises:
            ValueError: A row, step or variable does not exist, or a config
                does not accept its options.
        """
        for name in only or ():
            if name not in self.rows:
                rows = ', '.join(self.rows)
                raise ValueError(
                    f'{self.path}: there is no row {name!r}; the rows are '
                    f'{rows}.'
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
                # A dict is a set of options, named after its row or column; an
                # empty one changes nothing and needs no name.
                if isinstance(value, dict):
                    value = name if value else ''
                labels[key] = _slug(value)
        for key in ('step', 'score'):
            if key not in variables:
                self._refuse(where, f'neither of the two sets {key!r}')
        # Both may name variables: `step: 'test_{network}'`.
        step, score = (
            self._fill(f'{where}, {key}', variables.pop(key), variables)
            for key in ('step', 'score')
        )
        if step not in self.steps:
            self._unknown(where, f'no step {step!r}', step, self.steps)
        branch = _Branch(self, plan, variables, labels, seed)
        plan.cells.append(
            Cell(row, column, seed, branch.step(step).key, score)
        )

    def _fill(self, where: str, text: str, variables: Mapping) -> str:
        """Replace the names of variables in braces."""
        for name in REFERENCE.findall(text):
            if name not in variables:
                problem = f'{{{name}}} is not a variable'
                self._unknown(where, problem, name, variables)
        return REFERENCE.sub(lambda x: str(variables[x[1]]), text)


class _Branch:
    """The steps of one cell, with the names in braces replaced."""

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
        #: Steps by name; None while a step is being added.
        self.known: dict[str, Step | None] = {}

    def step(self, name: str) -> Step:
        """Add a step, and the steps that it needs, to the plan."""
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
        env = {k: str(v) for k, v in (expand('env') or {}).items()}
        checkpoint = expand('checkpoint')
        path = self.study.find(f'{where}.{kind}', expand(kind))
        step = self.plan.add_step(
            f'{self.study.path}: {where}',
            name,
            kind,
            path,
            self.variables['seed'],
            list(used.values()),
            checkpoint,
            options,
            env,
            after,
        )
        self.study.warn_of_new_keys(path, env, step.options)
        self.known[name] = step
        return step

    def expand(
        self, value: Any, where: str, used: dict[str, str], after: list[str]
    ) -> Any:
        """Replace variables by values and names of steps by their keys.

        Args:
            value: Value from the file.
            where: Its place in the file, for messages.
            used: Labels of the variables that occur, filled in here.
            after: Keys of the steps that occur, filled in here.
        """
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
                problem = f'{{{name}}} is neither a step nor a variable'
                self.study._unknown(where, problem, name, known)
            step = self.step(name)
            if step.key not in after:
                after.append(step.key)
            return f'{{{step.key}}}'

        # A variable alone keeps its type; inside a text it becomes text.
        whole = REFERENCE.fullmatch(value)
        if whole:
            return replace(whole[1])
        return REFERENCE.sub(lambda x: str(replace(x[1])), value)


def _references(value: Any) -> Iterator[str]:
    """Yield the names in braces in all strings of a value."""
    if isinstance(value, str):
        yield from REFERENCE.findall(value)
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _references(part)


def _flat(options: Mapping, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield nested options by their dotted names."""
    for key, value in options.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def _slug(value: Any) -> str:
    """Shorten a value to text that fits into the name of a folder."""
    return re.sub(r'[^\w.+-]+', '_', str(value)).strip('_')[-40:]
