"""Tables of results: as Markdown and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .files import whole_file


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


def shown_cell(value: object) -> object:
    """A cell for people to read: a spreadsheet takes no text for a formula.

    Args:
        value: Text that begins with ``=``, ``+``, ``-`` or ``@`` gets an
            apostrophe in front; anything else stays, so that numbers do.
    """
    is_formula = isinstance(value, str) and value.startswith(
        ('=', '+', '-', '@', '\t', '\r')
    )
    return f"'{value}" if is_formula else value


def write_csv(path: str | Path, rows: Sequence[dict]) -> None:
    """Write rows, dicts with the same keys, and their keys as the head.

    For people to read; see :func:`shown_cell`.
    """
    with whole_file(path) as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator='\n')
        writer.writeheader()
        for row in rows:
            writer.writerow({k: shown_cell(x) for k, x in row.items()})
