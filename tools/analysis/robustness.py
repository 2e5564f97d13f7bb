"""State how robust the labels of a classifier are to worse images of faces.

Predicts the faces of a folder, which is as for `calibrate`, as they are, with
boxes that were moved and scaled at random, and with few pixels. Prints the
scores of each, and for how many faces the label stays the same::

    python tools/analysis/robustness.py CHECKPOINT.pth data/FERPlus --split val
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
    parser.add_argument('faces', help='folder of faces')
    parser.add_argument(
        '--split', help='part of the data set, such as val; default: all'
    )
    parser.add_argument(
        '--detect',
        action='store_true',
        help='search for the largest face in each image',
    )
    parser.add_argument(
        '--classes',
        help='classes to choose among, with commas; default: all of the '
        'network',
    )
    parser.add_argument(
        '--shift',
        type=float,
        default=0.1,
        help='maximum shift of a box, as a fraction of its side; default: '
        '%(default)s',
    )
    parser.add_argument(
        '--scale',
        type=float,
        default=0.2,
        help='maximum change of its size, as a fraction; default: %(default)s',
    )
    parser.add_argument(
        '--pixels',
        type=int,
        default=24,
        help='side of the small faces in pixels; default: %(default)s',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the boxes; default: %(default)s',
    )
    parser.add_argument('--out', help='Markdown file to write')
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from fer_ssl.apis.robustness import robustness

    text = robustness(
        args.checkpoint,
        args.faces,
        args.split,
        args.detect,
        args.classes and args.classes.split(','),
        args.shift,
        args.scale,
        args.pixels,
        args.seed,
    )
    print(text, end='')
    if args.out:
        write_text(args.out, text)


if __name__ == '__main__':
    run(main)
