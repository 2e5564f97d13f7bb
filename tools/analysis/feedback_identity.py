"""Compare the feedback estimators with the derivative they stand for.

Writes one row per estimator and learning rate of the student::

    python tools/analysis/feedback_identity.py --out table.csv --plot table.png
"""

import argparse
import csv
from pathlib import Path

from fer_ssl.apis.feedback_identity import compare_estimators


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--out', required=True, help='CSV file to write')
    parser.add_argument('--plot', help='picture to write (needs matplotlib)')
    parser.add_argument(
        '--problems', type=int, default=5, help='random problems to average'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    rows = compare_estimators(problems=args.problems)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    with open(args.out, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator='\n')
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    k: v if k == 'estimator' else f'{v:.6g}'
                    for k, v in row.items()
                }
            )
    print('| ' + ' | '.join(rows[0]) + ' |')
    print('| --- ' + '| ---: ' * (len(rows[0]) - 1) + '|')
    for row in rows:
        name, rate, *values = row.values()
        cells = ' | '.join(f'{value:.3f}' for value in values)
        print(f'| {name} | {rate:g} | {cells} |')
    if args.plot:
        from fer_ssl.visualization import plot_estimators

        plot_estimators(rows).savefig(args.plot)


if __name__ == '__main__':
    main()
