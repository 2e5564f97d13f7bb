"""Compare the ways to calibrate a network on faces of another data set.

Fits each of them to random faces of FIT, and scores them on SCORE. Both are
folders as for `calibrate`. Images of FIT that are also in SCORE are left out::

    python tools/analysis/compare_calibrations.py \
        work_dirs/faces_starter/iter_4000.pth data/FERPlus \
        data/FERPlus --fit-split train --score-split val --out table.md
"""

import argparse

from fer_ssl.launch import run
from fer_ssl.utils.files import write_text


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', help='checkpoint of the network')
    parser.add_argument('fit', help='folder of the faces to calibrate on')
    parser.add_argument('score', help='folder of the faces to score')
    parser.add_argument('--fit-split', help='part of FIT; default: all')
    parser.add_argument('--score-split', help='part of SCORE; default: all')
    parser.add_argument(
        '--per-class',
        type=int,
        default=100,
        help='labels per class; default: %(default)s',
    )
    parser.add_argument(
        '--unlabeled',
        type=int,
        default=2000,
        help='faces without labels; default: %(default)s',
    )
    parser.add_argument(
        '--draws',
        type=int,
        default=5,
        help='draws of these faces; default: %(default)s',
    )
    parser.add_argument(
        '--classes',
        help='classes to choose among, with commas; default: all of the '
        'network',
    )
    parser.add_argument('--out', help='Markdown file to write')
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from fer_ssl.apis.calibration_transfer import calibration_transfer

    text = calibration_transfer(
        args.checkpoint,
        (args.fit, args.fit_split),
        (args.score, args.score_split),
        args.per_class,
        args.unlabeled,
        args.draws,
        args.classes and args.classes.split(','),
    )
    print(text, end='')
    if args.out:
        write_text(args.out, text)


if __name__ == '__main__':
    run(main)
