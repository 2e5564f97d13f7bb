"""Make the ablation table from CSV files of predictions.

Reads the files that ``MacroF1Metric(out_file=...)`` writes::

    python tools/analysis/ablation_table.py \
        --row "baseline=baseline.csv" --row "SSL=ssl.csv" --out ablation.csv
"""

from __future__ import annotations

import argparse

from fer_ssl.evaluation import VideoPredictions
from fer_ssl.evaluation.ablation import (
    ablation_markdown,
    ablation_rows,
    write_ablation,
)


def parse_row(text: str) -> tuple[str, str]:
    """'NAME=FILE' -> (name, file)."""
    name, separator, path = text.partition('=')
    if not (name.strip() and separator and path.strip()):
        raise argparse.ArgumentTypeError(f'must be NAME=FILE, got {text!r}')
    return name.strip(), path.strip()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--row',
        dest='rows',
        action='append',
        required=True,
        type=parse_row,
        metavar='NAME=FILE',
        help='one row of the table, from top to bottom',
    )
    parser.add_argument('--out', required=True, help='CSV file to write')
    parser.add_argument(
        '--paper',
        action='store_true',
        help="also print the paper's own steps, for comparison",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    rows = ablation_rows(
        {name: VideoPredictions.from_csv(path) for name, path in args.rows}
    )
    write_ablation(rows, args.out)
    print(ablation_markdown(rows, args.paper))


if __name__ == '__main__':
    main()
