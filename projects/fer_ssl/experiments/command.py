"""Options and steps shared by the commands that run many trainings."""

from __future__ import annotations

import argparse
import signal
import sys
from functools import partial
from pathlib import Path

from mmengine.logging import MMLogger

from .plan import Plan
from .step_queue import StepQueue


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that control how the steps of an experiment run."""
    parser.add_argument(
        '--work-dir', required=True, type=Path, help='folder of the results'
    )
    parser.add_argument(
        '--seeds', nargs='+', type=int, help='seeds of the trainings'
    )
    slots = parser.add_mutually_exclusive_group()
    slots.add_argument(
        '--jobs',
        type=_positive,
        default=1,
        help='number of processes that run at the same time; default: 1',
    )
    slots.add_argument(
        '--gpus',
        metavar='0,1,...',
        help='run one process at a time on each of these GPUs; 0,0 runs two '
        'on the same GPU',
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='print the steps and exit'
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError('must be 1 or more')
    return number


def prepare() -> None:
    """End the child processes on a signal, and keep MMEngine quiet."""
    # sys.exit unwinds the stack, so that the queue ends its processes.
    # The default action of SIGTERM would leave them running.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    # MMEngine logs every variable that a config reads.
    MMLogger.get_current_instance().setLevel('WARNING')


def run_plan(
    plan: Plan, args: argparse.Namespace, tools: Path
) -> StepQueue | None:
    """Run all steps of a plan that are not finished.

    Args:
        plan: The steps.
        args: Options of :func:`add_experiment_arguments`.
        tools: Folder of the scripts.

    Returns:
        The queue, which knows the folders of the results; None after a
        ``--dry-run``, which only prints the steps.
    """
    slots = args.gpus.split(',') if args.gpus else [None] * args.jobs
    say = partial(print, flush=True)
    queue = StepQueue(plan.steps, args.work_dir, tools, slots, say)
    if args.dry_run:
        for step in plan.steps.values():
            state = 'finished' if queue.is_done(step) else 'to run'
            needs = ', '.join(step.after) or 'nothing'
            print(f'{step.key} ({state}) needs {needs}')
        return None
    queue.run()
    return queue
