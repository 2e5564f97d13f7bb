"""Measure speed and memory of cached features.

    python tools/benchmark/features.py
    python tools/benchmark/features.py --only memory

Uses synthetic videos and a student with random weights, with the network of
configs/temporal_r50.py (or another config of the temporal phase).

Measurements (--only):

extraction: frames per second, compared with the network alone on the same
batches. training: frames per second on features, compared with reading frames
and running the student. memory: time and memory of the dataset with a small
and a large feature store, each in its own process.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from mmengine.config import Config

from fer_ssl.benchmarks.features import (
    compare_extraction,
    compare_training,
    describe_footprints,
    make_store,
    make_videos,
    measure_footprint,
    save_random_student,
)
from fer_ssl.benchmarks.timing import describe
from fer_ssl.features.extract_features import extract_features
from fer_ssl.launch import add_cfg_options, run
from fer_ssl.utils.config_options import read_options

CONFIG = Path(__file__).parents[2] / 'configs/temporal_r50.py'
PARTS = ('extraction', 'training', 'memory')
WINDOW = 64  # frames per clip
VIDEO_FRAMES = 100  # frames per video of the stores
DIM = 2048  # width of their features
ITEMS = 200  # clips to read from them


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--config', default=CONFIG, help='config of the temporal phase')
    add(
        '--only',
        choices=PARTS,
        nargs='+',
        default=PARTS,
        help='measurements to make; default: all',
    )
    add('--videos', type=int, default=8, help='number of videos with images')
    add('--frames', type=int, default=256, help='frames per video')
    add('--size', type=int, default=112, help='side of a frame in pixels')
    add('--clips', type=int, default=4, help='clips per training step')
    add('--steps', type=int, default=10, help='training steps per measurement')
    add('--rounds', type=int, default=5, help='number of measurements')
    add(
        '--workers',
        type=int,
        help='worker processes; default: those of the config',
    )
    add('--few', type=int, default=3_000, help='frames of the small store')
    add('--many', type=int, default=300_000, help='frames of the large store')
    add_cfg_options(parser)
    return parser.parse_args()


def compute(args: argparse.Namespace, folder: str) -> None:
    """Measure extraction and training."""
    files = make_videos(folder, args.videos, args.frames, args.size)
    cfg = Config.fromfile(args.config)
    pipeline = cfg.extract_dataloader.dataset.pipeline
    cfg.extract_dataloader.dataset = dict(
        type='VideoFrameDataset', pipeline=pipeline, **files
    )
    cfg.train_dataloader.dataset = dict(
        type='VideoClipDataset', window=WINDOW, **files
    )
    cfg.train_dataloader.batch_size = args.clips
    cfg.merge_from_dict(read_options(cfg, args.cfg_options))
    if args.workers is not None:
        cfg.extract_dataloader.num_workers = args.workers
        cfg.train_dataloader.num_workers = args.workers
    student = save_random_student(cfg, f'{folder}/student.pth')
    if 'extraction' in args.only:
        speeds = compare_extraction(cfg, student, folder, args.rounds)
        print(describe(speeds, 'extraction', 'frames/s'))
    if 'training' in args.only:
        store = f'{folder}/features'
        extract_features(cfg, student, store)
        speeds = compare_training(cfg, student, store, args.steps, args.rounds)
        print(describe(speeds, 'temporal training on', 'frames/s'))


def memory(args: argparse.Namespace, folder: str) -> None:
    """Measure the footprints of a small and a large store."""
    found = []
    for frames in (args.few, args.many):
        videos = frames // VIDEO_FRAMES
        arguments = make_store(f'{folder}/{frames}', videos, VIDEO_FRAMES, DIM)
        found.append(measure_footprint(arguments, WINDOW, ITEMS))
    print(describe_footprints(found))


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if {'extraction', 'training'} & set(args.only):
            compute(args, folder)
        if 'memory' in args.only:
            memory(args, folder)


if __name__ == '__main__':
    run(main)
