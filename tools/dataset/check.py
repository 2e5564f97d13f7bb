"""Report what a data root contains and which images are missing or broken.

    python tools/dataset/check.py DATA_ROOT
    python tools/dataset/check.py DATA_ROOT --images decode --processes 8
    python tools/dataset/check.py DATA_ROOT --images none \\
        --set mine=configs/spatial_r50.py:train_dataloader.dataset
    python tools/dataset/check.py DATA_ROOT --import my_package.my_dataset

Prints one page. After Ctrl-C or a kill, the same command continues where it
stopped. Exit status 0: nothing is missing or broken in what was found, and
there are no findings, 1: something is, or there are, 130: stopped. See
docs/large_data.md.
"""

from __future__ import annotations

import argparse
import importlib
import os

from fer_ssl.data_preparation.check.data_check import DataCheck
from fer_ssl.data_preparation.check.data_report import (
    describe,
    has_problems,
    write_problems,
)
from fer_ssl.data_preparation.dataset_spec import parse_named_specs
from fer_ssl.launch import describe_error, run
from fer_ssl.utils.files import write_text


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('data_root', help='folder that holds the data sets')
    parser.add_argument(
        '--images',
        choices=('none', 'exist', 'decode'),
        default='exist',
        help='check that each image exists (default), decode each of them '
        'completely and compare them with each other, or do not check them',
    )
    parser.add_argument(
        '--processes',
        type=int,
        default=min(8, os.cpu_count() or 1),
        help='number of worker processes; default: one per core, at most 8',
    )
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='NAME=SET',
        help='additional data set: a class with its arguments, or '
        'CONFIG.py[:variable]; may be repeated',
    )
    parser.add_argument(
        '--import',
        action='append',
        default=[],
        dest='modules',
        metavar='MODULE',
        help='module with dataset classes of your own to import first; their '
        '`layouts` are searched for, too; may be repeated',
    )
    parser.add_argument(
        '--state',
        default='work_dirs/data_check.json',
        help='file that keeps the progress; default: %(default)s',
    )
    parser.add_argument(
        '--fresh',
        action='store_true',
        help='discard the progress and start over',
    )
    parser.add_argument('--report', help='file to write the page to')
    parser.add_argument(
        '--problems', help='CSV file to write: set,part,image,problem'
    )
    return parser.parse_args()


def import_dataset_module(name: str) -> None:
    """Import a module, which registers its dataset classes."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SystemExit(
            f'error: --import {name}: {error}. Put the folder that holds it '
            'on PYTHONPATH.'
        ) from None


def main() -> None:
    args = parse_args()
    if args.fresh and os.path.exists(args.state):
        os.remove(args.state)
    status = 0
    for name in args.modules:
        import_dataset_module(name)
    try:
        check = DataCheck(
            args.data_root,
            args.images,
            args.state,
            args.processes,
            more=parse_named_specs(args.set),
        )
        check.run()
    except KeyboardInterrupt:
        status = 130
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {describe_error(error)}') from None
    page = describe(
        args.data_root, check.reports, unrecognized=check.unrecognized
    )
    if status:
        page += '\nStopped early: run the same command to continue.'
    print(page)
    if args.report:
        write_text(args.report, f'{page}\n')
    if args.problems:
        write_problems(args.problems, check.reports)
    raise SystemExit(status or int(has_problems(check.reports)))


if __name__ == '__main__':
    run(main)
