"""The ablation table: macro-F1 of one method after the other."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence

import numpy as np

from .classification_scores import macro_f1
from .video_predictions import VideoPredictions

#: Steps between the rows of Table 1 of paper A, on Aff-Wild2 (23.00, 39.96,
#: 42.77, 44.43). The second one is 42.77 less 40.57, SSL with the unlabeled
#: faces of MS1MV2, the last and best SSL row.
PAPER_STEPS = {
    'SSL': 16.96,
    'SSL + temporal': 2.20,
    'SSL + temporal + post-process': 1.66,
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
        if _truth(current) != _truth(first):
            raise ValueError(
                f'{name!r} has other videos or another truth than '
                f'{first_name!r}: their scores cannot be compared'
            )
        rows.append((name, round(macro_f1(current.confusion_matrix()), 2)))
    return rows


def write_ablation(rows: Sequence[tuple[str, float]], path: str) -> None:
    """Write ``rows`` to a CSV file ``method,macro_f1``; folders are made."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'w', newline='', encoding='utf-8') as file:
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
    lines = [head, ['---', *['---:'] * (len(head) - 1)]]
    above = None
    for name, score in rows:
        step = '' if above is None else f'{score - above:+.2f}'
        line = [name, f'{score:.2f}', step]
        if paper:
            own = PAPER_STEPS.get(name)
            line.append('' if own is None else f'{own:+.2f}')
        lines.append(line)
        above = score
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def _truth(predictions: VideoPredictions) -> tuple:
    """Everything that must be equal for scores to be comparable."""
    return predictions.classes, {
        v.name: None if v.labels is None else np.asarray(v.labels).tobytes()
        for v in predictions
    }
