"""Tables of the benchmarks: rows are dicts with the same keys."""

from __future__ import annotations

import csv
from collections.abc import Sequence


def write_table(path: str, table: Sequence[dict]) -> None:
    """Write rows as CSV."""
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(table)


def describe_table(table: Sequence[dict]) -> str:
    """Rows as a Markdown table."""
    lines = [list(table[0]), ['---'] * len(table[0])]
    lines += [[str(cell) for cell in row.values()] for row in table]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)
