"""Tables of all three tasks, such as Table 5 of paper B."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

import numpy as np

from ..evaluation.functional.classification_scores import macro_f1
from ..evaluation.metrics.action_unit_metric import ActionUnitMetric
from ..evaluation.metrics.valence_arousal_metric import ValenceArousalMetric
from ..evaluation.video_predictions import VideoPredictions
from ..labels import ABAW_TRACKS
from ..utils.files import whole_file
from ..utils.tables import markdown_table, mean_and_std
from .prediction_tables import truth_of

TITLES = dict(va='VA: CCC', expr='EXPR: macro-F1 (%)', au='AU: F1 (%)')
DIGITS = dict(va=3, expr=2, au=2)


def task_scores(
    methods: Mapping[str, Sequence[VideoPredictions]],
) -> dict[str, dict[str, float]]:
    """Score of each task, by method: a table such as Table 5 of paper B.

    Args:
        methods: Predictions of each task, the same tasks of each method.

    Returns:
        ``va``: mean concordance of valence and arousal, -1 to 1. ``expr``:
        macro-F1 in percent. ``au``: mean F1 in percent.

    Raises:
        ValueError: If the methods are not scored on the same frames.
    """
    table = {}
    first_name, first = next(iter(methods.items()))
    for name, tasks in methods.items():
        if list(map(truth_of, tasks)) != list(map(truth_of, first)):
            raise ValueError(
                f'{name!r} has other tasks, videos or another truth than '
                f'{first_name!r}: their scores cannot be compared'
            )
        table[name] = dict(map(_task_score, tasks))
    return table


def _task_score(predictions: VideoPredictions) -> tuple[str, float]:
    """Name and score of the task that the columns belong to."""
    if predictions.classes == ABAW_TRACKS['VA']:
        metric = ValenceArousalMetric(prefix='va')
        return 'va', metric.score(predictions)['va/ccc']
    if predictions.classes == ABAW_TRACKS['AU']:
        metric = ActionUnitMetric(prefix='au')
        return 'au', metric.score(predictions)['au/au_f1']
    return 'expr', macro_f1(predictions.confusion_matrix())


def write_task_scores(
    table: Mapping[str, Mapping[str, float]], path: str
) -> None:
    """Write a CSV file ``method,va,expr,au``; folders are made."""
    tasks = list(next(iter(table.values())))
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('method', *tasks))
        for name, scores in table.items():
            writer.writerow((name, *(f'{scores[t]:.4f}' for t in tasks)))


def task_scores_markdown(table: Mapping[str, Mapping[str, float]]) -> str:
    """The same as a Markdown table."""
    tasks = list(next(iter(table.values())))
    lines = [
        [name, *(f'{scores[task]:.{DIGITS[task]}f}' for task in tasks)]
        for name, scores in table.items()
    ]
    return markdown_table(_head(tasks), lines)


def read_task_scores(path: str) -> dict[str, dict[str, float]]:
    """What :func:`write_task_scores` wrote.

    Raises:
        ValueError: The first column is not ``method``, or another is no task.
    """
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        first, *tasks = reader.fieldnames or ['']
        if first != 'method' or not tasks or set(tasks) - TITLES.keys():
            raise ValueError(
                f'{path}: the first line must be method,va,expr,au: give '
                'files that tools/analysis/ablation_table.py wrote'
            )
        return {
            row['method']: {task: float(row[task]) for task in tasks}
            for row in reader
        }


def task_spread_markdown(
    runs: Sequence[Mapping[str, Mapping[str, float]]],
) -> str:
    """Markdown table of the same rows from several seeds.

    A cell is mean ± standard deviation (n - 1) of the score; in brackets
    those of its difference to the last row, taken within each run.

    Args:
        runs: Tables of :func:`task_scores` of at least two runs.

    Raises:
        ValueError: One run only, or runs with other methods or tasks.
    """
    shape = [(name, list(tasks)) for name, tasks in runs[0].items()]
    if len(runs) < 2 or any(
        [(n, list(t)) for n, t in run.items()] != shape for run in runs
    ):
        raise ValueError('needs two or more runs of the same methods')
    tasks, last = shape[0][1], shape[-1][0]
    lines = []
    for name, _ in shape:
        line = [name]
        for task in tasks:
            scores = np.array([run[name][task] for run in runs])
            change = scores - [run[last][task] for run in runs]
            cell = mean_and_std(scores, DIGITS[task])
            if name != last:
                cell += f' ({mean_and_std(change, DIGITS[task], "+")})'
            line.append(cell)
        lines.append(line)
    return markdown_table(_head(tasks), lines)


def _head(tasks: Sequence[str]) -> list[str]:
    return ['method', *(TITLES[task] for task in tasks)]
