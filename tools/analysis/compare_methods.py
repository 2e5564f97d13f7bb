"""Train several methods with the same number of steps and compare them.

Every training is a ``train.py`` process in a folder of its own below
``--work-dir``; those that are finished are not repeated, so an interrupted
comparison goes on where it was. CONFIG:METHOD sets the variable FER_SSL_METHOD
for a config that reads it::

    export FER_SSL_BASELINE=work_dirs/demo_baseline/iter_1200.pth
    demo=configs/demo/demo_methods.py
    python tools/analysis/compare_methods.py \
        $demo:supervised $demo:fixmatch configs/demo/demo_spatial.py \
        --seeds 0 1 2 --iterations 1800 --work-dir work_dirs/methods

Writes ``methods.csv`` (every training), ``methods.md`` (mean and standard
deviation over the seeds of the last validation) and ``methods.png``.
"""

import argparse
from pathlib import Path

from fer_ssl.apis.launch import run
from fer_ssl.apis.method_comparison import (
    Entry,
    compare_methods,
    markdown_table,
    write_csv,
)
from fer_ssl.visualization import plot_methods

TRAIN = Path(__file__).parents[1] / 'train.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG[:METHOD]')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument(
        '--iterations', type=int, required=True, help='of every training'
    )
    parser.add_argument('--work-dir', required=True, type=Path)
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
    try:
        rows = compare_methods(
            [Entry.parse(text) for text in args.configs],
            args.seeds,
            args.iterations,
            args.work_dir,
            TRAIN,
            args.cfg_options,
        )
    except RuntimeError as error:
        raise SystemExit(f'error: {error}') from None
    table = markdown_table(rows)
    write_csv(rows, args.work_dir / 'methods.csv')
    (args.work_dir / 'methods.md').write_text(table, 'utf-8')
    plot_methods(rows).savefig(args.work_dir / 'methods.png')
    print(table, end='')


if __name__ == '__main__':
    run(main)
