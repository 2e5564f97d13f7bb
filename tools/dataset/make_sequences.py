"""Make sequences for the temporal phase from labeled stills.

    python tools/dataset/make_sequences.py FACES OUT \\
        --classes neutral,anger,happiness,sadness,surprise

FACES contains labels.csv (image,expression,identity,split) and images/. Writes
OUT/frames.csv and OUT/frames/. docs/data_preparation.md explains what such
sequences can and cannot show.
"""

from __future__ import annotations

import argparse

from fer_ssl.data_preparation.still_sequences import make_still_sequences
from fer_ssl.launch import describe_error, run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('faces', help='folder with labels.csv and images/')
    parser.add_argument(
        'out', help='folder to write frames.csv and frames/ to'
    )
    parser.add_argument(
        '--classes',
        required=True,
        type=lambda text: text.split(','),
        help='class names separated by commas',
    )
    pairs = dict(nargs=2, type=int)
    parser.add_argument(
        '--num-videos',
        **pairs,
        default=(40, 15),
        metavar=('TRAIN', 'VAL'),
        help='number of videos in each split; default: 40 15',
    )
    parser.add_argument(
        '--segments',
        type=int,
        default=6,
        help='number of segments per video, each with one label; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--segment-length',
        **pairs,
        default=(40, 200),
        metavar=('MIN', 'MAX'),
        help='length of a segment in frames; default: 40 200',
    )
    parser.add_argument(
        '--hold',
        **pairs,
        default=(3, 10),
        metavar=('MIN', 'MAX'),
        help='number of frames for which a still is shown; default: 3 10',
    )
    parser.add_argument(
        '--missing',
        type=float,
        default=0.08,
        help='fraction of the frames without a face; default: %(default)s',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of all random draws; default: %(default)s',
    )
    parser.add_argument(
        '--copy',
        action='store_true',
        help='copy the images instead of linking to their folder',
    )
    args = vars(parser.parse_args())
    try:
        summary = make_still_sequences(args.pop('faces'), **args)
    except (FileNotFoundError, FileExistsError, ValueError) as error:
        parser.exit(1, f'error: {describe_error(error)}\n')
    print(summary)


if __name__ == '__main__':
    run(main)
