"""Share of training in which the loop waits for data.

    python tools/benchmark/waiting.py configs/spatial_r50.py --iterations 300
    python tools/benchmark/waiting.py CONFIG --cfg-options \\
        train_dataloader.num_workers=4

Trains with the config for some steps, as tools/train.py does, and sums the
times that its log has of each step. With enough workers the share is near 0.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from fer_ssl.benchmarks.timed_training import time_training
from fer_ssl.launch import run

TRAIN = Path(__file__).parents[1] / 'train.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config')
    parser.add_argument('--iterations', type=int, default=300)
    parser.add_argument('--ranks', type=int, default=1, help='processes')
    parser.add_argument('--cfg-options', nargs='+', default=[])
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = time_training(
            TRAIN,
            args.config,
            Path(folder),
            args.iterations,
            args.cfg_options,
            args.ranks,
        )
    print(
        f'{len(times.total)} steps: {times.computing_ms:.1f} ms without '
        f'waiting (median), {100 * times.waiting_share:.1f} % of the time '
        'waiting for data'
    )


if __name__ == '__main__':
    run(main)
