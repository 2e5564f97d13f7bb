"""Run the trainings and tests of an ablation and make its table.

A study is a YAML file that names steps, such as trainings, and which of their
scores make which row and column of a table; configs/ablations/ has those of
both papers, docs/ablation.md says how to write one::

    python tools/ablation.py configs/ablations/demo_table_1.yml \
        --work-dir work_dirs/table_1 --jobs 2

What is finished is not repeated, and an interrupted training goes on where it
was. Writes ``NAME.md``, ``.csv`` and ``.png`` of the study into the folder.
"""

import argparse
import signal
import sys
from functools import partial
from pathlib import Path

from fer_ssl.launch import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'study', help='YAML file, or the name of a shipped one'
    )
    parser.add_argument('--work-dir', required=True, type=Path)
    parser.add_argument(
        '--seeds', nargs='+', type=int, help='in place of those of the study'
    )
    parser.add_argument(
        '--only', nargs='+', metavar='ROW', help='rows to take'
    )
    slots = parser.add_mutually_exclusive_group()
    slots.add_argument(
        '--jobs', type=int, default=1, help='processes at a time; default: 1'
    )
    slots.add_argument(
        '--gpus',
        metavar='0,1,...',
        help='one process at a time on each of these GPUs; 0,0 is two on one',
    )
    parser.add_argument(
        '--cost',
        action='store_true',
        help='add parameters, operations, time and memory of each training',
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='print the steps and end'
    )
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error('--jobs must be 1 or more')
    return args


def main() -> None:
    args = parse_args()
    # Ended in the ordinary way, so that the processes are ended too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))

    from mmengine.logging import MMLogger

    from fer_ssl.experiments.study import Study
    from fer_ssl.experiments.study_queue import StepQueue

    # MMEngine tells of every variable that a config reads.
    MMLogger.get_current_instance().setLevel('WARNING')
    study = Study(args.study)
    plan = study.plan(args.seeds, args.only)
    slots = args.gpus.split(',') if args.gpus else [None] * args.jobs
    tools = Path(__file__).parent
    say = partial(print, flush=True)
    queue = StepQueue(plan.steps, args.work_dir, tools, slots, say)
    if args.dry_run:
        for step in plan.steps.values():
            state = 'finished' if queue.is_done(step) else 'to run'
            needs = ', '.join(step.after) or 'nothing'
            print(f'{step.key} ({state}) needs {needs}')
        return
    queue.run()

    from fer_ssl.experiments.study_report import write_report

    print(write_report(plan, queue, study.path.stem, args.cost), end='')
    if queue.failed:
        sys.exit(1)


if __name__ == '__main__':
    run(main)
