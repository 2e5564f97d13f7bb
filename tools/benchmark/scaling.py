"""Predict the cost of the spatial phase on 1 to 64 GPUs.

    python tools/benchmark/scaling.py --step-ms 300 --bandwidth 20 --latency 15
    python tools/benchmark/scaling.py --check configs/demo/demo_spatial.py

Prints tables computed from measured inputs by the formula of docs/scaling.md;
--check compares the formula with a training of two processes on the CPU.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from timeit import timeit

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import distributed

from fer_ssl.benchmarks.timing import StepTimes, time_training
from fer_ssl.launch import run
from fer_ssl.utils.tables import markdown_table

TRAIN = Path(__file__).parents[1] / 'train.py'
# Weights of configs/_base_/models/resnet50.py with 8 classes.
RESNET50_WEIGHTS = 23_524_424
GPUS = (1, 2, 4, 8, 16, 32, 64)
#: Faces per GPU and step in configs/spatial_r50.py.
LABELED, UNLABELED = 32, 32
#: All-reduces of all gradients of a network per step, by feedback: one each
#: for student and teacher (DDP), and those that the feedback adds.
REDUCTIONS = dict.fromkeys(('none', 'jvp', 'finite_difference'), 2)
REDUCTIONS.update(dict.fromkeys(('dot', 'expected', 'per_sample'), 3))
#: All-reduces of a few numbers per step: log, coefficient, its std.
SMALL_REDUCTIONS = 3
HEADS = (
    'GPUs|communication, ms|step, ms|efficiency, %|unlabeled faces/s|epoch, h|'
    'reading, MB/s|decoding, faces/s|cores per GPU'
).split('|')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--step-ms', type=float, help='time of a step on one GPU, ms')
    add('--bandwidth', type=float, help='bandwidth of the slowest link, GB/s')
    add('--latency', type=float, help='latency of a hop, microseconds')
    add('--feedback', choices=REDUCTIONS, default='dot', help='estimator')
    add(
        '--hidden',
        type=float,
        default=0.0,
        help='fraction of the communication that overlaps with computation',
    )
    add(
        '--faces',
        type=int,
        nargs='+',
        default=[6_000_000, 42_000_000],
        help='numbers of unlabeled faces, one table each',
    )
    add('--face-kb', type=float, default=8.0, help='size of a JPEG file, kB')
    add(
        '--core-rate',
        type=float,
        default=1000.0,
        help='faces that a CPU core decodes per second',
    )
    add('--check', metavar='CONFIG', help='compare with two processes')
    add('--iterations', type=int, default=60, help='steps of --check')
    add('--cfg-options', nargs='+', default=[], help='for --check')
    args = parser.parse_args()
    if not args.check and None in (args.step_ms, args.bandwidth, args.latency):
        parser.error(
            '--step-ms, --bandwidth and --latency are required, or --check.'
        )
    return args


def step_ms(
    ranks: int, args: argparse.Namespace, weights: int = RESNET50_WEIGHTS
) -> float:
    """Predict the time of a step in ms, by the formula for a ring."""
    hops = 2 * (ranks - 1) * args.latency / 1e3
    sent = 2 * (ranks - 1) / ranks * weights * 4  # bytes of float32
    reductions = REDUCTIONS[args.feedback] * (1 - args.hidden)
    large = reductions * (sent / args.bandwidth / 1e6 + hops)
    return args.step_ms + large + SMALL_REDUCTIONS * hops


def table_row(ranks: int, faces: int, args: argparse.Namespace) -> list[float]:
    """Compute one number per entry of ``HEADS``."""
    step = step_ms(ranks, args)
    unlabeled = ranks * UNLABELED / step * 1e3
    decoded = ranks * (LABELED + UNLABELED) / step * 1e3
    cost = ranks, step - args.step_ms, step, 100 * args.step_ms / step
    data = unlabeled, faces / unlabeled / 3600, decoded * args.face_kb / 1e3
    return [*cost, *data, decoded, decoded / args.core_rate / ranks]


def time_reductions(
    rank: int, folder: str, weights: int, iterations: int
) -> None:
    """Save the mean seconds of a large and of a small all-reduce.

    The default of --iterations times 200 large and 10,000 small ones.
    """
    torch.set_num_threads(1)
    link = f'file://{folder}/link'
    distributed.init_process_group('gloo', link, rank=rank, world_size=2)
    times = []
    for size, per_60 in ((weights, 200), (1, 10_000)):
        count = max(per_60 * iterations // 60, 1)
        reduce = partial(distributed.all_reduce, torch.zeros(size))
        for repeats in (3, count):  # the first ones are warm-up
            seconds = timeit(reduce, number=repeats)
        times.append(seconds / count)
    if rank == 0:
        torch.save(times, f'{folder}/times.pth')
    distributed.destroy_process_group()


def check(args: argparse.Namespace) -> None:
    """Compare the predicted and the measured step of two processes."""
    os.environ.update(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    options = [f'train_cfg.feedback={args.feedback}', *args.cfg_options]
    config = Config.fromfile(args.check)
    init_default_scope(config.default_scope)
    student = MODELS.build(config.model.network).parameters()
    weights = sum(x.numel() for x in student if x.requires_grad)
    with tempfile.TemporaryDirectory() as folder:

        def step_of(name: str, ranks: int) -> StepTimes:
            given = Path(folder, name), args.iterations, options, ranks
            return time_training(TRAIN, args.check, *given)

        # At the same time, because they share caches as two ranks do.
        with ThreadPoolExecutor(2) as pool:
            apart = list(pool.map(step_of, ('first', 'second'), (1, 1)))
        both = step_of('both', 2)
        size = 4_000_000
        given = folder, size, args.iterations
        torch.multiprocessing.spawn(time_reductions, given, nprocs=2)
        large, small = torch.load(f'{folder}/times.pth')
    compute = [times.compute_ms for times in apart]
    args.step_ms = max(compute)  # a reduction waits for the slower one
    # With two ranks a reduction takes size / bandwidth + 2 * latency.
    args.latency = small / 2 * 1e6
    args.bandwidth = size * 4 / (large - small) / 1e9
    predicted = step_ms(2, args, weights)
    print(f'link: {args.bandwidth:.2f} GB/s, {args.latency:.0f} us')
    first, second = compute
    print(f'two separate trainings: {first:.1f} and {second:.1f} ms')
    print(
        f'two processes: {predicted:.1f} ms predicted, '
        f'{both.compute_ms:.1f} ms measured, '
        f'ratio {predicted / both.compute_ms:.2f}'
    )
    first, second = (times.data_ms for times in apart)
    print(
        f'wait for data: {first:.1f} and {second:.1f} ms in the separate '
        f'trainings, {both.data_ms:.1f} ms in the first of two processes'
    )


def main() -> None:
    args = parse_args()
    if args.check:
        return check(args)
    for faces in args.faces:
        gb = faces * args.face_kb / 1e6
        print(f'\n{faces:,} unlabeled faces, {gb:,.0f} GB\n')
        rows = (table_row(ranks, faces, args) for ranks in GPUS)
        lines = [[n, *(f'{x:,.1f}' for x in row)] for n, *row in rows]
        print(markdown_table(HEADS, lines, text_columns=0))


if __name__ == '__main__':
    run(main)
