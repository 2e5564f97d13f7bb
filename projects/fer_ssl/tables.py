"""Tables of results: as Markdown and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def markdown_table(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    text_columns: int = 1,
) -> str:
    """A Markdown table, without a newline at its end.

    Args:
        head: Names of the columns.
        rows: Cells of each row, as many as there are names.
        text_columns: So many columns from the left are text, aligned left;
            the others are aligned right.
    """
    rule = ['---'] * text_columns + ['---:'] * (len(head) - text_columns)
    lines = [head, rule, *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


def mean_and_std(
    values: Sequence[float], digits: int = 2, sign: str = ''
) -> str:
    """Mean ± standard deviation (n - 1) as text; of one value the value.

    NaN is what is missing; the text says how many are there, if not all.

    Args:
        values: One of each seed.
        digits: After the decimal point.
        sign: ``'+'`` shows it also of positive means.
    """
    values = np.asarray(values, float)
    there = values[~np.isnan(values)]
    if not len(there):
        return 'missing'
    text = f'{there.mean():{sign}.{digits}f}'
    if len(there) > 1:
        text += f' ± {there.std(ddof=1):.{digits}f}'
    if len(there) < len(values):
        text += f', {len(there)} of {len(values)} seeds'
    return text


def write_csv(path: str | Path, rows: Sequence[dict]) -> None:
    """Write rows, dicts with the same keys, and their keys as the head."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
