"""Make the ablation table from CSV files of predictions.

Reads the files that ``MacroF1Metric(out_file=...)`` writes::

    python tools/analysis/ablation_table.py \
        --row "baseline=baseline.csv" --row "SSL=ssl.csv" --out ablation.csv

Several tasks, of the other metrics too, are several files in a row::

    python tools/analysis/ablation_table.py \
        --row "full=va.csv,expr.csv,au.csv" --row ... --out ablation.csv
"""

from __future__ import annotations

import argparse

from fer_ssl.evaluation import VideoPredictions
from fer_ssl.experiments.prediction_tables import (
    ablation_markdown,
    ablation_rows,
    write_ablation,
)
from fer_ssl.experiments.task_ablation import (
    task_scores,
    task_scores_markdown,
    write_task_scores,
)
from fer_ssl.launch import run


def parse_row(text: str) -> tuple[str, list[str]]:
    """'NAME=FILE,FILE' -> (name, files)."""
    name, separator, paths = text.partition('=')
    if not (name.strip() and separator and paths.strip()):
        raise argparse.ArgumentTypeError(f'must be NAME=FILE, got {text!r}')
    return name.strip(), [path.strip() for path in paths.split(',')]


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
        metavar='NAME=FILE[,FILE]',
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
    methods = {
        name: [VideoPredictions.from_csv(path) for path in paths]
        for name, paths in args.rows
    }
    if all(len(tasks) == 1 for tasks in methods.values()):
        rows = ablation_rows({n: tasks[0] for n, tasks in methods.items()})
        write_ablation(rows, args.out)
        print(ablation_markdown(rows, args.paper))
    else:
        table = task_scores(methods)
        write_task_scores(table, args.out)
        print(task_scores_markdown(table))


if __name__ == '__main__':
    run(main)
