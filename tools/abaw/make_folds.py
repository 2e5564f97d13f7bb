"""Make folds for cross-validation on videos, grouped by source video.

People and clips of one video stay together; within that constraint, classes
are distributed as evenly as possible. Writes a CSV file with the columns
`video,fold` for the option `folds` of the data sets::

    python tools/abaw/make_folds.py data/Aff-Wild2 --track EXPR \
        --out data/Aff-Wild2/folds_expr.csv
    python tools/abaw/make_folds.py data/videos/frames.csv --out folds.csv
    python tools/abaw/make_folds.py data/s-Aff-Wild2 --track MTL \
        --out data/s-Aff-Wild2/folds.csv
"""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np

from fer_ssl.data_preparation.make_folds import (
    check_tasks,
    count_names,
    folds_table,
    frame_counts,
    make_folds,
    write_folds,
)
from fer_ssl.datasets import AffWild2Reader, SAffWild2Reader
from fer_ssl.datasets.videos.frames_csv import read_frames_csv
from fer_ssl.datasets.videos.submission_frames import MULTI_TASK
from fer_ssl.labels import ABAW_EXPRESSIONS, ABAW_TRACKS
from fer_ssl.launch import describe_error, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'annotations',
        help='folder of the annotations of Aff-Wild2 or s-Aff-Wild2, or a '
        'frames CSV',
    )
    parser.add_argument('--out', required=True, help='CSV file to write')
    parser.add_argument(
        '--track',
        choices=(*ABAW_TRACKS, MULTI_TASK),
        default='EXPR',
        help='track of Aff-Wild2, or MTL for the multi-task annotation of '
        's-Aff-Wild2; default: %(default)s',
    )
    parser.add_argument(
        '--classes',
        nargs='+',
        default=ABAW_EXPRESSIONS,
        help='class names in a frames CSV; default: those of ABAW',
    )
    parser.add_argument(
        '--split', nargs='+', help='splits to use; default: all annotated'
    )
    parser.add_argument(
        '--folds',
        type=int,
        default=5,
        help='number of folds; default: %(default)s',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='random seed; default: %(default)s',
    )
    return parser.parse_args()


def read_labels(args: argparse.Namespace) -> dict[str, np.ndarray]:
    """Read the labels of each video."""
    if args.track == MULTI_TASK:
        if os.path.isfile(args.annotations):
            raise ValueError(
                f'{args.annotations}: --track {MULTI_TASK} reads the folder '
                'of this file. Give the folder; --split chooses the file.'
            )
        return SAffWild2Reader().read_labels(args.annotations, args.split)[0]
    if os.path.isdir(args.annotations):
        reader = AffWild2Reader(args.track)
        return reader.read_labels(args.annotations, args.split)
    videos = read_frames_csv(args.annotations, args.classes, args.split)
    return {name: video.labels for name, video in videos.items()}


def main() -> None:
    args = parse_args()
    is_folder = os.path.isdir(args.annotations)
    # Those of several tasks are known by their names.
    classes = args.classes
    if is_folder and args.track in ABAW_TRACKS:
        classes = ABAW_TRACKS[args.track]
    try:
        labels = read_labels(args)
        counts = {n: frame_counts(x, len(classes)) for n, x in labels.items()}
        folds = make_folds(counts, args.folds, args.seed)
        first = next(iter(labels.values()))
        names = count_names(first, classes)
        check_tasks(folds, counts, names, first.dtype.names or ())
        write_folds(folds, args.out)
    except (OSError, ValueError) as error:
        print(f'error: {describe_error(error)}', file=sys.stderr)
        sys.exit(2)
    print(folds_table(folds, counts, names))


if __name__ == '__main__':
    run(main)
