"""The ablation table: macro-F1 of one method after the other."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

import numpy as np

from ..evaluation.functional.classification_scores import macro_f1
from ..evaluation.video_predictions import VideoPredictions
from ..utils.files import whole_file
from ..utils.tables import markdown_table, mean_and_std

#: Steps between the rows of Table 1 of paper A, on Aff-Wild2 (23.00, 39.96,
#: 42.77, 44.43). The second one is 42.77 less 40.57, SSL with the unlabeled
#: faces of MS1MV2, the last and best SSL row.
PAPER_STEPS = {
    'SSL': 16.96,
    'SSL + temporal': 2.20,
    'SSL + temporal + post-process': 1.66,
}


def truth_of(predictions: VideoPredictions) -> tuple:
    """Everything that must be equal for scores to be comparable."""
    return predictions.classes, {
        v.name: None if v.labels is None else np.asarray(v.labels).tobytes()
        for v in predictions
    }


def ablation_rows(
    predictions: Mapping[str, VideoPredictions],
) -> list[tuple[str, float]]:
    """Macro-F1 in percent of each method, rounded to 2 decimals.

    Args:
        predictions: Predictions by name of the method, in order.

    Raises:
        ValueError: If the methods are not scored on the same frames.
    """
    rows = []
    first_name, first = next(iter(predictions.items()))
    for name, current in predictions.items():
        if truth_of(current) != truth_of(first):
            raise ValueError(
                f'{name!r} has other videos or another truth than '
                f'{first_name!r}: their scores cannot be compared'
            )
        rows.append((name, round(macro_f1(current.confusion_matrix()), 2)))
    return rows


def write_ablation(rows: Sequence[tuple[str, float]], path: str) -> None:
    """Write ``rows`` to a CSV file ``method,macro_f1``; folders are made."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('method', 'macro_f1'))
        writer.writerows((name, f'{score:.2f}') for name, score in rows)


def ablation_markdown(
    rows: Sequence[tuple[str, float]], paper: bool = False
) -> str:
    """Markdown table of ``rows`` with the step to the row above.

    Args:
        rows: (method, macro-F1 in percent).
        paper: Add the steps of the paper, marked as its own, to the rows that
            have the names of its Table 1.
    """
    head = ['method', 'macro-F1 (%)', 'step']
    if paper:
        head.append("paper's own step (Aff-Wild2)")
    lines = []
    above = None
    for name, score in rows:
        step = '' if above is None else f'{score - above:+.2f}'
        line = [name, f'{score:.2f}', step]
        if paper:
            own = PAPER_STEPS.get(name)
            line.append('' if own is None else f'{own:+.2f}')
        lines.append(line)
        above = score
    return markdown_table(head, lines)


def read_ablation(path: str) -> list[tuple[str, float]]:
    """Rows that :func:`write_ablation` wrote.

    Raises:
        ValueError: The columns are not ``method,macro_f1``.
    """
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.reader(file)
        if next(reader, None) != ['method', 'macro_f1']:
            raise ValueError(
                f'{path}: the first line must be method,macro_f1: give files '
                'that tools/analysis/ablation_table.py wrote'
            )
        return [(name, float(score)) for name, score in reader]


def spread_markdown(runs: Sequence[Sequence[tuple[str, float]]]) -> str:
    """Markdown table of the same rows from several seeds.

    Each row ends with mean and standard deviation (n - 1) of its score and
    of the step to the row above, taken within each run.

    Args:
        runs: Rows (method, macro-F1 in percent) of at least two runs.

    Raises:
        ValueError: One run only, or runs with other methods.
    """
    methods = [name for name, _ in runs[0]]
    if len(runs) < 2 or any([n for n, _ in run] != methods for run in runs):
        raise ValueError('needs two or more runs of the same methods')
    scores = np.array([[score for _, score in run] for run in runs])
    names = [f'run {number + 1}' for number in range(len(runs))]
    head = ['method', *names, 'mean ± std', 'step ± std']
    lines = []
    for number, name in enumerate(methods):
        row = scores[:, number]
        step = ''
        if number:
            step = mean_and_std(row - scores[:, number - 1], sign='+')
        lines.append(
            [name, *(f'{x:.2f}' for x in row), mean_and_std(row), step]
        )
    return markdown_table(head, lines)
