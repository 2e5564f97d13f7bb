"""Check a submission to an ABAW challenge before sending it.

The submission is compared with the official example file, or with a list of
the videos (and --track)::

    python tools/abaw/check_submission.py submission.txt \
        CVPR_6th_ABAW_Expr_test_set_example.txt

Exit status: 0 = valid, 1 = not valid, 2 = nothing could be checked.
"""

from __future__ import annotations

import argparse
import sys

from fer_ssl.datasets.videos.submission_frames import read_frame_list
from fer_ssl.evaluation.submission import check_submission
from fer_ssl.labels import ABAW_TRACKS
from fer_ssl.launch import describe_error, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('submission', help='text file to check')
    parser.add_argument(
        'expected',
        help='official example file or list of frames, or a text file with '
        'one line <video> or <video>,<frames> per video',
    )
    parser.add_argument(
        '--track', choices=ABAW_TRACKS, help='required with a list of videos'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        report = check_submission(
            args.submission, read_frame_list(args.expected), args.track
        )
    except (OSError, ValueError) as error:
        print(f'error: {describe_error(error)}', file=sys.stderr)
        sys.exit(2)
    print(report.text())
    sys.exit(not report.is_valid)


if __name__ == '__main__':
    run(main)
