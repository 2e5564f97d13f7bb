"""Compare the speed of post-processing, scores and submissions with SciPy.

    python tools/benchmark/frames.py

Runs each task on random predictions with fer_ssl and with plain SciPy and
scikit-learn, which must be installed. The two alternate and are measured in
CPU seconds; different results are an error.
"""

from __future__ import annotations

import argparse
import tempfile

from fer_ssl.benchmarks.post_processing import (
    compare_frames,
    describe_frames,
    frame_tasks,
)
from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--frames', type=int, default=1_000_000, help='number of frames')
    add('--videos', type=int, default=200, help='number of videos')
    add('--rounds', type=int, default=5, help='number of measurements')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tasks = frame_tasks(args.frames, args.videos, folder)
        found = compare_frames(tasks, args.frames, args.rounds)
    print(describe_frames(found, args.frames))


if __name__ == '__main__':
    run(main)
