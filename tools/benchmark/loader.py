"""Measure the images per second and worker of each storage format.

    python tools/benchmark/loader.py
    python tools/benchmark/loader.py --images PHOTOS --workers 4

Compares the weak and strong views of configs/_base_/datasets/fer_224.py (or
of any config with a variable `unlabeled_dataloader`) with the same operations
in torchvision on PIL images. All variants alternate; the table gives median,
minimum and maximum of rate and ratio over the rounds. The images stay in the
page cache, so this measures the CPU and not the disk.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config

from fer_ssl.benchmarks.loader import (
    compare_loading,
    copy_images,
    make_images,
    unlabeled_pipeline,
)
from fer_ssl.benchmarks.timing import describe
from fer_ssl.launch import run

CONFIG = Path(__file__).parents[2] / 'configs/_base_/datasets/fer_224.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--images', help='folder of images; default: synthetic ones'
    )
    parser.add_argument(
        '--count', type=int, default=500, help='number of images'
    )
    parser.add_argument(
        '--size',
        type=int,
        default=112,
        help='side of synthetic images in pixels',
    )
    parser.add_argument(
        '--config', default=CONFIG, help='config of the transforms'
    )
    parser.add_argument(
        '--rounds', type=int, default=7, help='number of measurements'
    )
    parser.add_argument(
        '--per-round', type=int, default=256, help='images per measurement'
    )
    parser.add_argument(
        '--batch-size', type=int, default=32, help='images per batch'
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=0,
        help='number of worker processes; default: none, measure CPU seconds '
        'in this process',
    )
    parser.add_argument('--out', help='JSON file to write')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pipeline = unlabeled_pipeline(Config.fromfile(args.config))
    with tempfile.TemporaryDirectory() as folder:
        images = f'{folder}/images'
        if args.images:
            copy_images(args.images, images, args.count)
        else:
            make_images(images, args.count, args.size)
        speeds = compare_loading(
            folder,
            pipeline,
            args.rounds,
            args.per_round,
            args.batch_size,
            args.workers,
        )
    print(describe(speeds, 'format', 'images/s per worker'))
    if args.out:
        content = [asdict(speed) for speed in speeds]
        Path(args.out).write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    run(main)
