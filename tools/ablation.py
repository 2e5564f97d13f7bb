"""Run the trainings and tests of a study and make its table.

A study is a YAML file that declares steps, such as trainings, and the rows and
columns of a table of their scores. Those of both papers are in
configs/ablations/, and docs/ablation.md explains how to write one::

    python tools/ablation.py configs/ablations/demo_table_1.yml \
        --work-dir work_dirs/table_1 --jobs 2

Finished steps are not repeated, and an interrupted training is resumed.
Writes ``NAME.md``, ``NAME.csv`` and ``NAME.png`` for the study NAME into the
folder.
"""

import argparse
import sys
from pathlib import Path

from fer_ssl.experiments.command import (
    add_experiment_arguments,
    prepare,
    run_plan,
)
from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'study', help='YAML file, or the name of a study of the package'
    )
    add_experiment_arguments(parser)
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='ROW',
        help='rows to include; default: all',
    )
    parser.add_argument(
        '--cost',
        action='store_true',
        help='add parameters, operations, time and memory of each training',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    prepare()

    from fer_ssl.experiments.study import Study

    study = Study(args.study)
    plan = study.plan(args.seeds, args.only)
    queue = run_plan(plan, args, Path(__file__).parent)
    if queue is None:
        return

    # Not before the steps have run: plotting takes seconds to import.
    from fer_ssl.experiments.study_report import write_report

    print(write_report(plan, queue, study.path.stem, args.cost), end='')
    if queue.failed:
        sys.exit(1)


if __name__ == '__main__':
    run(main)
