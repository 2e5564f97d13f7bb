"""Compute intervals of the scores of a study, over its seeds and the images.

Reads the ``NAME.csv`` of an ablation study and, from the folder of each run,
the predictions that ``MacroF1Metric(out_file=...)`` wrote for the images::

    python tools/analysis/score_intervals.py STUDY.csv --file prior.csv \
        --against supervised --out intervals.md
"""

import argparse

from fer_ssl.experiments.score_intervals import score_intervals
from fer_ssl.launch import run
from fer_ssl.utils.files import write_text


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('study', help='NAME.csv of the study')
    parser.add_argument(
        '--file',
        required=True,
        help='name of the CSV file of predictions in the folder of each run',
    )
    parser.add_argument(
        '--against',
        metavar='ROW',
        help='row of the study to which the differences are given',
    )
    parser.add_argument('--out', help='Markdown file to write')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    text = score_intervals(args.study, args.file, args.against)
    print(text, end='')
    if args.out:
        write_text(args.out, text)


if __name__ == '__main__':
    run(main)
