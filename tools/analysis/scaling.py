"""What the spatial phase costs on 1 to 64 GPUs, from measured parts.

    python tools/analysis/scaling.py --step-ms 300 --bandwidth 20 --latency 15
    python tools/analysis/scaling.py --check configs/demo/demo_spatial.py

The first form prints a table by a formula (see docs/scaling.md). The second
one measures two trainings side by side and one of two processes on the CPU,
and the link between them, and compares the formula with what it has found.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.config import Config

from fer_ssl.benchmarks.scaling import (
    REDUCTIONS,
    RESNET50_WEIGHTS,
    Load,
    Machine,
    describe_scaling,
    measure_link,
    scaling_table,
    trained_weights_of,
)
from fer_ssl.benchmarks.timed_training import on_one_thread_each, time_training
from fer_ssl.launch import run

TRAIN = Path(__file__).parents[1] / 'train.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--step-ms', type=float, help='step of one GPU, ms')
    add('--bandwidth', type=float, help='of the slowest link, GB/s')
    add('--latency', type=float, help='of a hop, microseconds')
    add('--weights', type=int, default=RESNET50_WEIGHTS)
    add('--bytes-per-weight', type=int, default=4)
    add('--feedback', choices=REDUCTIONS, default='dot')
    add('--reductions', type=int, help='default: those of --feedback')
    add(
        '--hidden',
        type=float,
        default=0.0,
        help='share of the reductions that runs behind computation, 0 to 1',
    )
    add('--gpus', type=int, nargs='+', default=[1, 2, 4, 8, 16, 32, 64])
    add('--labeled', type=int, default=32, help='faces per GPU and step')
    add('--unlabeled', type=int, default=32, help='faces per GPU and step')
    add(
        '--faces',
        type=int,
        nargs='+',
        default=[6_000_000, 42_000_000],
        help='unlabeled faces there are; a table for each',
    )
    add('--face-kb', type=float, default=8.0, help='a face on disk, kB')
    add(
        '--core-rate',
        type=float,
        default=1000.0,
        help='faces that a core decodes and augments per second: '
        'tools/benchmark/loader.py',
    )
    add('--check', metavar='CONFIG', help='compare with 2 processes')
    add('--iterations', type=int, default=60, help='steps of --check')
    add('--cfg-options', nargs='+', default=[], help='for --check')
    args = parser.parse_args()
    needed = (args.step_ms, args.bandwidth, args.latency)
    if not args.check and None in needed:
        parser.error('--step-ms, --bandwidth and --latency, or --check')
    return args


def check(args: argparse.Namespace) -> None:
    """Predicted and measured step of two processes."""
    on_one_thread_each()
    config = Config.fromfile(args.check)
    config.merge_from_dict({'train_cfg.feedback': args.feedback})
    options = [f'train_cfg.feedback={args.feedback}', *args.cfg_options]
    with tempfile.TemporaryDirectory() as folder:

        def step_of(name: str, ranks: int) -> float:
            times = time_training(
                TRAIN,
                args.check,
                Path(folder, name),
                args.iterations,
                options,
                ranks,
            )
            return times.computing_ms

        # Two that do not talk, at once: they share caches, clock and memory
        # as the two ranks do.
        with ThreadPoolExecutor(2) as pool:
            apart = list(pool.map(step_of, ('first', 'second'), (1, 1)))
        measured = step_of('both', 2)
    # A reduction waits for the slower one.
    step = max(apart)
    bandwidth, latency = measure_link()
    machine = Machine(
        step,
        bandwidth,
        latency,
        weights=trained_weights_of(config),
        reductions=args.reductions or REDUCTIONS[args.feedback],
    )
    predicted = machine.step_on(2)
    print(f'link: {bandwidth:.2f} GB/s, {latency:.0f} us')
    print(f'two trainings apart: {apart[0]:.1f} and {apart[1]:.1f} ms')
    print(
        f'one training of two processes: {predicted:.1f} ms predicted, '
        f'{measured:.1f} measured'
    )
    print(f'predicted / measured: {predicted / measured:.2f}')


def main() -> None:
    args = parse_args()
    if args.check:
        check(args)
        return
    machine = Machine(
        args.step_ms,
        args.bandwidth,
        args.latency,
        args.weights,
        args.bytes_per_weight,
        args.reductions or REDUCTIONS[args.feedback],
        hidden=args.hidden,
    )
    for faces in args.faces:
        load = Load(
            args.labeled, args.unlabeled, faces, args.face_kb, args.core_rate
        )
        size = faces * args.face_kb / 1e6
        print(f'\n{faces:,} unlabeled faces, {size:,.0f} GB\n')
        print(describe_scaling(scaling_table(machine, load, args.gpus)))


if __name__ == '__main__':
    run(main)
