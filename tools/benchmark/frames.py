"""Speed of post-processing, scores and submissions, compared with SciPy.

    python tools/benchmark/frames.py

Runs each task on random predictions with fer_ssl and with plain SciPy and
scikit-learn, which must be installed. They run in alternation and are measured
in CPU seconds; different results are an error.
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
    parser.add_argument('--frames', type=int, default=1_000_000)
    parser.add_argument('--videos', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=5)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tasks = frame_tasks(args.frames, args.videos, folder)
        found = compare_frames(tasks, args.frames, args.rounds)
    print(describe_frames(found, args.frames))


if __name__ == '__main__':
    run(main)
