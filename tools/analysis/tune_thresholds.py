"""Tune the thresholds of action units on predictions of held-out videos.

Reads CSV files written by ``ActionUnitMetric(out_file=...)``, such as one per
fold of a cross-validation, each with videos on which its model was not
trained. Never tune on the set that is reported or submitted::

    python tools/analysis/tune_thresholds.py fold*.csv --out thresholds.txt
    python tools/abaw/make_submission.py test.csv example.txt \
        --out submission.txt --threshold $(cat thresholds.txt)

The list can also be used in a config: ``ActionUnitMetric(threshold=[...])``.
"""

from __future__ import annotations

import argparse
import sys

from fer_ssl.evaluation import VideoPredictions
from fer_ssl.evaluation.thresholds import (
    best_thresholds,
    held_out_f1,
    mean_f1,
    stack_frames,
)
from fer_ssl.launch import describe_error, run
from fer_ssl.utils.files import write_text


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'predictions',
        nargs='+',
        help='CSV files of predictions with ground truth',
    )
    parser.add_argument(
        '--out', help='text file to which the thresholds are written'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        sets = [VideoPredictions.from_csv(path) for path in args.predictions]
        truth, scores = stack_frames(sets)
        thresholds = best_thresholds(truth, scores)
        held_out = held_out_f1(sets) if len(sets) > 1 else []
    except (FileNotFoundError, ValueError) as error:
        print(f'error: {describe_error(error)}', file=sys.stderr)
        sys.exit(2)
    # Score the rounded thresholds, as they are printed and written.
    texts = [f'{threshold:.6g}' for threshold in thresholds]
    thresholds = [float(text) for text in texts]
    for name, text in zip(sets[0].classes, texts):
        print(f'{name:6} {text}')
    print(f'threshold=[{", ".join(texts)}]')
    print(f'mean F1 at 0.5: {mean_f1(truth, scores, 0.5):.2f}')
    tuned = mean_f1(truth, scores, thresholds)
    print(f'mean F1 tuned: {tuned:.2f}, on the tuning frames themselves')
    for i, (path, f1) in enumerate(zip(args.predictions, held_out)):
        before = mean_f1(*stack_frames([sets[i]]), 0.5)
        print(
            f'mean F1 of {path}: {before:.2f} at 0.5, {f1:.2f} tuned on the '
            'other files'
        )
    if args.out:
        write_text(args.out, ' '.join(texts) + '\n')


if __name__ == '__main__':
    run(main)
