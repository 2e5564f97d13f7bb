"""Run the trainings and tests of a study and make its table.

A study is a YAML file that names steps, such as trainings, and which of their
scores make which row and column of a table; configs/ablations/ has those of
both papers, docs/ablation.md says how to write one::

    python tools/ablation.py configs/ablations/demo_table_1.yml \
        --work-dir work_dirs/table_1 --jobs 2

Finished steps are not repeated, and an interrupted training is resumed.
Writes ``NAME.md``, ``.csv`` and ``.png`` of the study into the folder.
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
        'study', help='YAML file, or the name of a shipped one'
    )
    add_experiment_arguments(parser)
    parser.add_argument(
        '--only', nargs='+', metavar='ROW', help='rows to include'
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

    from fer_ssl.experiments.study_report import write_report

    print(write_report(plan, queue, study.path.stem, args.cost), end='')
    if queue.failed:
        sys.exit(1)


if __name__ == '__main__':
    run(main)
