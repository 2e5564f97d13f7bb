"""Calibrate a checkpoint on your own faces, with labels or without.

    python tools/calibrate.py CHECKPOINT.pth FACES --out NEW.pth

FACES is a folder with labels.csv, with one folder per class, or with images
without labels; or a CSV file of predictions that a test wrote (out_file). The
faces are cropped as for a training, unless --detect searches for them. Writes
NEW.pth and, if there are labels, NEW_reliability.png; prints cross-validated
scores before and after.
"""

from __future__ import annotations

import argparse

from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', help='checkpoint to calibrate')
    parser.add_argument('faces', help='folder of faces, or predictions.csv')
    parser.add_argument(
        '--out', required=True, metavar='NEW.pth', help='checkpoint to write'
    )
    parser.add_argument(
        '--method',
        choices=('labels', 'bias', 'temperature', 'em'),
        help='fit temperature and class biases to labels, one of both, or the '
        'class prior without labels; default: labels, or em if there are none',
    )
    parser.add_argument(
        '--split', help='part of the data set, such as val; default: all'
    )
    parser.add_argument(
        '--detect',
        action='store_true',
        help='search for the largest face in each image',
    )
    parser.add_argument(
        '--trained-on',
        metavar='N,N,...',
        help='faces of each class in the training, for em; default: balanced',
    )
    parser.add_argument(
        '--config', help='config; default: the one inside the checkpoint'
    )
    parser.add_argument(
        '--device',
        help='device of the network; default: a GPU if there is one',
    )
    args = parser.parse_args()
    if args.trained_on is not None:
        try:
            args.trained_on = [float(x) for x in args.trained_on.split(',')]
        except ValueError:
            parser.error(
                f'--trained-on {args.trained_on}: give numbers with commas '
                'between them.'
            )
    return args


def main() -> None:
    args = parse_args()

    from fer_ssl.apis.calibrate_checkpoint import calibrate_checkpoint

    result = calibrate_checkpoint(
        args.checkpoint,
        args.faces,
        args.out,
        args.method,
        args.split,
        args.detect,
        args.config,
        args.trained_on,
        args.device,
    )
    print(result.describe())
    print(*result.files, sep='\n')


if __name__ == '__main__':
    run(main)
