"""The steps of an ablation as processes, several at once."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..utils.files import make_folder, write_json
from .study import REFERENCE, Step, option_text
from .training_runs import start_logged

SCRIPTS = dict(train='train.py', test='test.py', extract='extract_features.py')


class StepQueue:
    """Runs steps in the order of their needs, as many as there are slots.

    A finished step is not repeated, and an interrupted training goes on from
    its latest checkpoint. If a step fails, the steps that need it are left
    out and all others go on.

    Args:
        steps: By key, each after those that it needs.
        work_dir: Each step has a folder in it, named by its key.
        tools: The folder of the scripts.
        slots: One entry for each process at a time: a GPU, or None for the
            choice of the script.
        say: Called with each message.

    Attributes:
        failed: Why a step has no result, by its key.
    """

    def __init__(
        self,
        steps: Mapping[str, Step],
        work_dir: Path,
        tools: Path,
        slots: Sequence[str | None],
        say: Callable[[str], None] = print,
    ) -> None:
        if re.search(r'[\s,]', str(work_dir)):
            raise ValueError(
                f'--work-dir {work_dir}: --cfg-options cannot hold a path '
                'with a space or a comma'
            )
        self.steps = steps
        self.work_dir = work_dir
        self.tools = tools
        self.slots = list(slots)
        self.say = say
        self.failed: dict[str, str] = {}

    def folder(self, step: Step) -> Path:
        return self.work_dir / step.key

    def is_done(self, step: Step) -> bool:
        return (self.folder(step) / 'step.json').exists()

    def log(self, step: Step) -> Path:
        """What the step has printed."""
        return self.folder(step) / 'log.txt'

    def filled(self, step: Step, value: Any) -> Any:
        """Paths in the place of the keys of steps."""
        if not isinstance(value, str):
            return value
        return REFERENCE.sub(lambda x: str(self._result(step, x[1])), value)

    def _result(self, step: Step, key: str) -> Path:
        if key == 'folder':
            return self.folder(step)
        needed = self.steps[key]
        folder = self.folder(needed)
        if needed.kind == 'extract':
            return folder / 'features'
        last = (folder / 'last_checkpoint').read_text('utf-8').strip()
        return folder / Path(last).name

    def variables(self, step: Step) -> dict[str, str]:
        """Environment variables of the step's process."""
        return {k: self.filled(step, v) for k, v in step.env.items()}

    def options(self, step: Step) -> dict[str, Any]:
        """For ``--cfg-options``."""
        return {k: self.filled(step, v) for k, v in step.options.items()}

    def command(self, step: Step) -> list[str]:
        """Script and arguments."""
        folder = self.folder(step)
        words = [str(self.tools / SCRIPTS[step.kind]), step.config]
        if step.kind == 'train':
            words += [f'--work-dir={folder}', '--resume']
        elif step.kind == 'test':
            words += [self.filled(step, step.checkpoint)]
            words += [f'--work-dir={folder}']
        else:
            words += [self.filled(step, step.checkpoint)]
            words += [f'--out={folder / "features"}']
        options = [
            f'{k}={option_text(v)}' for k, v in self.options(step).items()
        ]
        return words + ['--cfg-options', *options] * bool(options)

    def run(self) -> None:
        """Run all steps that are not finished.

        Raises:
            ValueError: The folder cannot be made, or another process, perhaps
                one left by a call that was killed, works in it.
        """
        make_folder(self.work_dir)
        with open(self.work_dir / 'lock', 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f'{self.work_dir}: an ablation, or a step that one has '
                    'started, is running there: wait for it or end it'
                ) from None
            self._run(lock.fileno())

    def _run(self, lock: int) -> None:
        waiting = [x for x in self.steps.values() if not self.is_done(x)]
        number, total = 0, len(waiting)
        kept = len(self.steps) - total
        self.say(f'{total} steps to run, {kept} finished before')
        running: dict[subprocess.Popen, tuple[Step, str | None, float]] = {}
        free = list(self.slots)
        try:
            while waiting or running:
                for step in [x for x in waiting if self._is_decided(x)]:
                    broken = [x for x in step.after if x in self.failed]
                    if broken:
                        self.failed[step.key] = f'needs {broken[0]}'
                    elif free:
                        slot = free.pop(0)
                        process = self._start(step, slot, lock)
                        running[process] = step, slot, time.monotonic()
                    else:
                        continue
                    waiting.remove(step)
                time.sleep(0.1)
                for process in [x for x in running if x.poll() is not None]:
                    step, slot, start = running.pop(process)
                    free.append(slot)
                    number += 1
                    taken = f'{time.monotonic() - start:.0f} s'
                    if process.returncode == 0:
                        self._finish(step)
                        self.say(f'[{number}/{total}] {step.key}, {taken}')
                    else:
                        why = f'failed, see {self.log(step)}'
                        self.failed[step.key] = why
                        self.say(f'[{number}/{total}] {step.key} {why}')
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()

    def _is_decided(self, step: Step) -> bool:
        """Whether all that a step needs is there, or will never be."""
        return all(
            key in self.failed or self.is_done(self.steps[key])
            for key in step.after
        )

    def _start(
        self, step: Step, slot: str | None, lock: int
    ) -> subprocess.Popen:
        variables = self.variables(step)
        if slot is not None:
            variables['CUDA_VISIBLE_DEVICES'] = slot
        if len(self.slots) > 1:  # or each process takes all processors
            threads = max((os.cpu_count() or 1) // len(self.slots), 1)
            threads = os.environ.get('OMP_NUM_THREADS', str(threads))
            variables['OMP_NUM_THREADS'] = threads
        # A process that outlives this one keeps the lock.
        return start_logged(
            self.command(step), self.log(step), variables, pass_fds=[lock]
        )

    def _finish(self, step: Step) -> None:
        """Mark a step as done, with what it was."""
        write_json(self.folder(step) / 'step.json', vars(step))
