"""Time of one step of the spatial phase, beside other loops.

    python tools/benchmark/step.py --out table.csv
    python tools/benchmark/step.py --peer CLONE --out table.csv

The package's full iteration with each estimator of the feedback and without
any, the same mathematics as a plain PyTorch loop (the reference), and the loop
of Meta-Face2Exp in CLONE, on batches in memory. All take turns; the table
gives medians over the rounds. docs/benchmarks.md explains it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_ssl.benchmarks.step.floor import ESTIMATORS
from fer_ssl.launch import (
    add_launch_arguments,
    load_config,
    run,
)

CONFIG = Path(__file__).parents[2] / 'configs/spatial_r50.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--peer', help='clone of Meta-Face2Exp')
    parser.add_argument('--out', help='CSV file to write')
    parser.add_argument('--config', default=str(CONFIG))
    parser.add_argument(
        '--estimators',
        nargs='*',
        choices=ESTIMATORS,
        default=ESTIMATORS,
        help='of the feedback, beside none; default: all',
    )
    parser.add_argument(
        '--batch-size', type=int, default=32, help='labeled faces'
    )
    parser.add_argument(
        '--unlabeled', type=int, default=32, help='unlabeled faces'
    )
    parser.add_argument('--size', type=int, default=224, help='pixels')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument(
        '--steps', type=int, default=2, help='steps of a measurement'
    )
    add_launch_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    config = load_config(args)

    from fer_ssl.benchmarks.step import compare as step_benchmark
    from fer_ssl.utils.tables import markdown_table, write_csv

    speeds = step_benchmark.compare_steps(
        config,
        args.peer,
        args.estimators,
        args.batch_size,
        args.unlabeled,
        args.size,
        args.rounds,
        args.steps,
    )
    table = step_benchmark.rows(speeds)
    print(markdown_table(list(table[0]), [x.values() for x in table]))
    if args.out:
        write_csv(args.out, table)


if __name__ == '__main__':
    run(main)
