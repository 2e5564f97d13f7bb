"""Train several methods with the same number of steps and compare them.

Every training is a ``train.py`` process in a folder of its own below
``--work-dir``; those that are finished are not repeated, so an interrupted
comparison goes on where it was. CONFIG:METHOD names the row of a config and
sets the variable FER_SSL_METHOD, for a config that reads it::

    demo=configs/demo/demo_methods.py
    python tools/analysis/compare_methods.py \
        $demo:supervised $demo:fixmatch configs/demo/demo_spatial.py:paper_a \
        --baseline configs/demo/demo_baseline.py \
        --seeds 0 1 2 --iterations 900 --jobs 2 --work-dir work_dirs/methods

Writes ``methods.csv`` (every training), ``methods.md`` (mean and standard
deviation over the seeds of the last validation) and ``methods.png``.
"""

import argparse
import os
from pathlib import Path

from fer_ssl.experiments.method_comparison import (
    TITLES,
    Entry,
    MethodComparison,
)
from fer_ssl.experiments.training_runs import spread_table
from fer_ssl.launch import run
from fer_ssl.utils.files import save_figure, write_text
from fer_ssl.utils.tables import write_csv
from fer_ssl.visualization import plot_methods

TRAIN = Path(__file__).parents[1] / 'train.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG[:METHOD]')
    parser.add_argument(
        '--baseline',
        metavar='CONFIG[:NAME]',
        help='trained first, with every seed; the other configs start from '
        'its weights, which they find in the variable FER_SSL_BASELINE',
    )
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument(
        '--iterations', type=int, required=True, help='of every training'
    )
    parser.add_argument('--work-dir', required=True, type=Path)
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='trainings at the same time; they share the processor cores, '
        'unless OMP_NUM_THREADS is set, and the time of a step is then that '
        'of a shared machine',
    )
    parser.add_argument(
        '--network',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='for the network of every config, for example '
        'backbone.base_channels=16',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='for every training; {seed} in it stands for the seed',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    threads = max(1, os.cpu_count() // args.jobs)
    os.environ.setdefault('OMP_NUM_THREADS', str(threads))
    comparison = MethodComparison(
        args.seeds,
        args.iterations,
        args.work_dir,
        TRAIN,
        args.network,
        args.cfg_options,
        args.jobs,
    )
    try:
        rows = comparison.run(
            [Entry.parse(text) for text in args.configs],
            args.baseline and Entry.parse(args.baseline),
        )
    except RuntimeError as error:
        raise SystemExit(f'error: {error}') from None
    table = spread_table(rows, 'method', TITLES)
    write_csv(args.work_dir / 'methods.csv', rows)
    write_text(args.work_dir / 'methods.md', f'{table}\n')
    save_figure(plot_methods(rows), args.work_dir / 'methods.png')
    print(table)


if __name__ == '__main__':
    run(main)
