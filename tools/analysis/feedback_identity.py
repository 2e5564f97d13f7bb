"""Compare the feedback estimators with the derivative that they estimate.

Writes one row per estimator and learning rate of the student::

    python tools/analysis/feedback_identity.py --out table.csv --plot table.png
"""

import argparse
from pathlib import Path

from fer_ssl.experiments.feedback_identity import compare_estimators
from fer_ssl.launch import run
from fer_ssl.utils.files import save_figure
from fer_ssl.utils.tables import markdown_table, write_csv


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--out', required=True, help='CSV file to write')
    parser.add_argument('--plot', help='image file to write')
    parser.add_argument(
        '--problems',
        type=int,
        default=5,
        help='number of random problems to average over; default: %(default)s',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    rows = compare_estimators(problems=args.problems)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    write_csv(
        args.out,
        [
            {k: v if k == 'estimator' else f'{v:.6g}' for k, v in row.items()}
            for row in rows
        ],
    )
    lines = []
    for row in rows:
        name, rate, *values = row.values()
        lines.append([name, f'{rate:g}', *(f'{x:.3f}' for x in values)])
    print(markdown_table(list(rows[0]), lines))
    if args.plot:
        from fer_ssl.visualization import plot_estimators

        save_figure(plot_estimators(rows), args.plot)


if __name__ == '__main__':
    run(main)
