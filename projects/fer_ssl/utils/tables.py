"""Tables of results in Markdown and CSV."""

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
    """Format a Markdown table, without a newline at its end.

    Args:
        head: Names of the columns.
        rows: Cells of each row, as many as there are names.
        text_columns: Number of columns, from the left, that hold text and are
            aligned left; the others are aligned right.
    """
    rule = ['---'] * text_columns + ['---:'] * (len(head) - text_columns)
    lines = [head, rule, *rows]
    return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)


def mean_and_std(
    values: Sequence[float], digits: int = 2, sign: str = ''
) -> str:
    """Format the mean ± the standard deviation (n - 1), or a single value.

    NaN marks a missing value; if some are missing, the text says how many
    values there are.

    Args:
        values: One value per seed.
        digits: Number of digits after the decimal point.
        sign: ``'+'`` also shows the sign of a positive mean.
    """
    values = np.asarray(values, float)
    known = values[~np.isnan(values)]
    if not len(known):
        return 'missing'
    text = f'{known.mean():{sign}.{digits}f}'
    if len(known) > 1:
        text += f' ± {known.std(ddof=1):.{digits}f}'
    if len(known) < len(values):
        text += f', {len(known)} of {len(values)} seeds'
    return text


def shown_cell(value: object) -> object:
    """Return a cell that a spreadsheet does not mistake for a formula.

    Args:
        value: Text that begins with ``=``, ``+``, ``-`` or ``@`` gets an
            apostrophe in front; anything else, such as a negative number, is
            returned unchanged.
    """
    is_formula = isinstance(value, str) and value.startswith(
        ('=', '+', '-', '@', '\t', '\r')
    )
    return f"'{value}" if is_formula else value


def write_csv(path: str | Path, rows: Sequence[dict]) -> None:
    """Write a CSV file from rows with the same keys, which make the header.

    The file is meant for spreadsheets, see :func:`shown_cell`.
    """
    with whole_file(path) as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator='\n')
        writer.writeheader()
        for row in rows:
            writer.writerow({k: shown_cell(x) for k, x in row.items()})
