"""Measure the time of one step of the spatial phase, and of other loops.

    python tools/benchmark/step.py --out table.csv
    python tools/benchmark/step.py --baseline CLONE --out table.csv
    python tools/benchmark/step.py --data-time 300

Measures, on batches in memory, the package's full iteration with each
estimator of the feedback and without feedback, the same mathematics as a plain
PyTorch loop (the reference), and the loop of a Meta-Face2Exp clone. They
alternate; the table gives medians over the rounds. docs/benchmarks.md explains
it.

--data-time instead trains with the config and its data, and prints the
fraction of time in which the loop waits for data. With enough workers it is
close to 0.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from mmengine.config import Config

from fer_ssl.benchmarks.step.floor import ESTIMATORS
from fer_ssl.launch import add_config_arguments, load_config, run

ROOT = Path(__file__).parents[2]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--baseline', metavar='CLONE', help='folder of a Meta-Face2Exp clone')
    add('--out', help='CSV file to write')
    add(
        '--config',
        default=str(ROOT / 'configs/spatial_r50.py'),
        help='config of the spatial phase',
    )
    add(
        '--estimators',
        nargs='*',
        choices=ESTIMATORS,
        default=ESTIMATORS,
        help='estimators of the feedback, in addition to none; default: all',
    )
    add('--batch-size', type=int, default=32, help='labeled faces per step')
    add('--unlabeled', type=int, default=32, help='unlabeled faces per step')
    add('--size', type=int, default=224, help='side of the faces in pixels')
    add('--rounds', type=int, default=5, help='number of measurements')
    add('--steps', type=int, default=2, help='steps per measurement')
    add(
        '--data-time',
        type=int,
        metavar='ITERATIONS',
        help='train for this many iterations and print the fraction of time '
        'spent waiting for data',
    )
    add(
        '--device',
        choices=('auto', 'cpu'),
        help='auto uses a GPU if there is one',
    )
    add_config_arguments(parser)
    return parser.parse_args()


def print_data_time(config: Config, iterations: int) -> None:
    from fer_ssl.benchmarks.timing import time_training

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'config.py')
        config.dump(path)
        times = time_training(
            ROOT / 'tools/train.py', str(path), Path(folder), iterations
        )
    print(
        f'{len(times.total)} steps: {times.compute_ms:.1f} ms without the '
        f'wait for data (median), {100 * times.data_fraction:.1f} % of the '
        'time spent waiting for data.'
    )


def main() -> None:
    args = parse_args()
    config = load_config(args)
    if args.data_time:
        print_data_time(config, args.data_time)
        return

    from fer_ssl.benchmarks.step.compare import compare_steps, step_rows
    from fer_ssl.utils.tables import markdown_table, write_csv

    baseline = None
    if args.baseline:
        try:
            from face2exp_loop import Face2ExpLoop
        except ModuleNotFoundError:
            raise SystemExit(
                'error: --baseline needs a checkout of this repository. Run '
                'python tools/benchmark/step.py there.'
            ) from None

        baseline = partial(Face2ExpLoop, args.baseline)
    seconds = compare_steps(
        config,
        baseline,
        args.estimators,
        args.batch_size,
        args.unlabeled,
        args.size,
        args.rounds,
        args.steps,
    )
    table = step_rows(seconds, args.batch_size, args.unlabeled)
    print(markdown_table(list(table[0]), [x.values() for x in table]))
    if args.out:
        write_csv(args.out, table)


if __name__ == '__main__':
    run(main)
