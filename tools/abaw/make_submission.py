"""Make a submission to an ABAW challenge from predictions for its test set.

Reads the CSV file written by the metric's `out_file`, and the official example
file, or a list of the videos (with --track)::

    python tools/abaw/make_submission.py predictions.csv \
        CVPR_6th_ABAW_Expr_test_set_example.txt --out submission.txt

For the multi-task challenge, give the files of all three tasks::

    python tools/abaw/make_submission.py va.csv expr.csv au.csv \
        MTL_Challenge_test_set_release.txt --out submission.txt

See docs/abaw.md.
"""

from __future__ import annotations

import argparse
import sys

from fer_ssl.datasets.videos.submission_frames import read_frame_list
from fer_ssl.evaluation import VideoPredictions
from fer_ssl.evaluation.submission import check_submission, write_submission
from fer_ssl.labels import ABAW_TRACKS
from fer_ssl.launch import describe_error, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'predictions', nargs='+', help='CSV file of predictions of each task'
    )
    parser.add_argument(
        'expected',
        help='official example file or list of frames, or a text file with '
        'one line <video> or <video>,<frames> per video',
    )
    parser.add_argument('--out', required=True, help='file to write')
    parser.add_argument(
        '--track', choices=ABAW_TRACKS, help='required with a list of videos'
    )
    parser.add_argument(
        '--tolerance',
        type=int,
        default=1,
        help='number of frames by which the predictions of a video may be too '
        'short (the last one is repeated) or too long; default: %(default)s',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        nargs='+',
        default=[0.5],
        help='probability above which an action unit is active: one value, '
        'or one for each of the 12; default: 0.5',
    )
    args = parser.parse_args()
    if len(args.threshold) not in (1, len(ABAW_TRACKS['AU'])):
        parser.error('--threshold needs one number, or 12.')
    return args


def main() -> None:
    args = parse_args()
    try:
        expected = read_frame_list(args.expected)
        notes = write_submission(
            [VideoPredictions.from_csv(path) for path in args.predictions],
            expected,
            args.out,
            args.track,
            args.tolerance,
            args.threshold,
        )
        report = check_submission(args.out, expected, args.track)
    except (OSError, ValueError) as error:
        print(f'error: {describe_error(error)}', file=sys.stderr)
        sys.exit(2)
    print('\n'.join([*notes, report.text()]))
    sys.exit(not report.is_valid)


if __name__ == '__main__':
    run(main)
