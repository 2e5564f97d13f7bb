"""Queue that runs the steps of an experiment as processes."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import TaskID

from ..launch import find_config
from ..utils.config_options import option_text
from ..utils.files import make_folder, write_json
from ..utils.progress import ProgressBars
from .plan import REFERENCE, Step
from .step_progress import read_progress
from .training_runs import start_logged

SCRIPTS = dict(train='train.py', test='test.py', extract='extract_features.py')
_SECONDS_BETWEEN_READINGS = 1.0


@dataclass
class _Running:
    """State of the process of a step."""

    step: Step
    slot: str | None
    bar: TaskID
    start: float


class StepQueue:
    """Runs steps in the order of their needs, as many at a time as slots.

    A finished step is not repeated, and an interrupted training resumes from
    its latest checkpoint. If a step fails, the steps that need it are skipped
    and all others continue.

    Args:
        steps: Steps by key, each after the steps that it needs.
        work_dir: Folder with one folder per step, named by the step's key.
        tools: Folder of the scripts.
        slots: One entry for each process that may run at the same time: a
            GPU, or None to leave the choice to the script.
        say: Called with each message.

    Attributes:
        failed: Reason why a step has no result, by the step's key.
    """

    def __init__(
        self,
        steps: Mapping[str, Step],
        work_dir: Path,
        tools: Path,
        slots: Sequence[str | None],
        say: Callable[[str], None] = print,
    ) -> None:
        self.steps = steps
        self.work_dir = work_dir
        self.tools = tools
        self.slots = list(slots)
        self.say = say
        self.failed: dict[str, str] = {}

    def folder(self, step: Step) -> Path:
        return self.work_dir / step.key

    def is_done(self, step: Step) -> bool:
        """Return whether a step is finished; one rule for all kinds."""
        return (self.folder(step) / 'step.json').exists()

    def log(self, step: Step) -> Path:
        """Return the file with the output of the step."""
        return self.folder(step) / 'log.txt'

    def filled(self, step: Step, value: Any) -> Any:
        """Replace keys of steps in braces by the paths of their results.

        Other braces are part of a path.
        """
        if not isinstance(value, str):
            return value
        known = ('folder', *step.after)
        return REFERENCE.sub(
            lambda x: str(self._result(step, x[1])) if x[1] in known else x[0],
            value,
        )

    def _result(self, step: Step, key: str) -> Path:
        if key == 'folder':
            return self.folder(step)
        needed = self.steps[key]
        folder = self.folder(needed)
        if needed.kind == 'extract':
            return folder / 'features'
        if needed.kind == 'test':
            return folder / 'predictions.csv'
        # Only the name: the path in the file is stale after a move.
        last = (folder / 'last_checkpoint').read_text('utf-8').strip()
        return folder / Path(last).name

    def variables(self, step: Step) -> dict[str, str]:
        """Return the environment variables of the step's process."""
        return {k: self.filled(step, v) for k, v in step.env.items()}

    def options(self, step: Step) -> dict[str, Any]:
        """Return the values for ``--cfg-options``, by dotted name."""
        return {k: self.filled(step, v) for k, v in step.options.items()}

    def arguments(self, step: Step) -> list[str]:
        """Return the arguments of the step's script that follow the config."""
        folder = self.folder(step)
        if step.kind == 'train':
            # Without a checkpoint --resume starts from the beginning.
            words = [f'--work-dir={folder}', '--resume']
        elif step.kind == 'test':
            words = [self.filled(step, step.checkpoint)]
            words += [f'--work-dir={folder}']
        else:
            words = [self.filled(step, step.checkpoint)]
            words += [f'--out={folder / "features"}']
        options = [
            f'{k}={option_text(v)}' for k, v in self.options(step).items()
        ]
        return [*words, '--cfg-options', *options] if options else words

    def mim_command(self, step: Step) -> str:
        """Return the command by which a user would run the same step."""
        config = step.config
        try:
            if find_config(Path(config).name).samefile(config):
                config = Path(config).name  # mim finds it by name
        except FileNotFoundError:
            pass
        words = self.arguments(step)
        if step.kind == 'test':  # mim takes the checkpoint as an option
            words[0] = f'--checkpoint={words[0]}'
        script = dict(extract=['run', 'fer_ssl', 'extract_features']).get(
            step.kind, [step.kind, 'fer_ssl']
        )
        # A quote before the = would make a word of it, not an assignment.
        variables = [
            f'{k}={shlex.quote(v)}' for k, v in self.variables(step).items()
        ]
        command = shlex.join(['mim', *script, config, *words])
        return ' '.join([*variables, command])

    def run(self) -> None:
        """Run all steps that are not finished.

        Raises:
            ValueError: The folder cannot be made, or another process is using
                it, perhaps one left over from a call that was killed.
        """
        make_folder(self.work_dir)
        with open(self.work_dir / 'lock', 'w') as lock:
            try:
                # flock, because the processes of the steps must inherit it.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f'{self.work_dir}: an experiment, or a step that one has '
                    'started, is running there. Wait for it or stop it.'
                ) from None
            with ProgressBars() as bars:
                self._run(lock.fileno(), bars)

    def _run(self, lock: int, bars: ProgressBars) -> None:
        waiting = [x for x in self.steps.values() if not self.is_done(x)]
        count, total = 0, len(waiting)
        kept = len(self.steps) - total
        self.say(f'{total} steps to run, {kept} already finished.')
        running: dict[subprocess.Popen, _Running] = {}
        free = list(self.slots)
        last_reading = time.monotonic()
        try:
            while waiting or running:
                for step in [x for x in waiting if self._is_decided(x)]:
                    broken = [x for x in step.after if x in self.failed]
                    if broken:
                        self.failed[step.key] = f'needs {broken[0]}'
                    elif free:
                        slot = free.pop(0)
                        self.say(f'$ {self.mim_command(step)}')
                        process = self._start(step, slot, lock)
                        bar = bars.add(f'{step.title}, seed {step.seed}')
                        running[process] = _Running(
                            step, slot, bar, time.monotonic()
                        )
                    else:
                        continue
                    waiting.remove(step)
                time.sleep(0.1)
                if time.monotonic() > last_reading + _SECONDS_BETWEEN_READINGS:
                    last_reading = time.monotonic()
                    self._show(running.values(), bars)
                for process in [x for x in running if x.poll() is not None]:
                    ended = running.pop(process)
                    bars.remove(ended.bar)
                    free.append(ended.slot)
                    count += 1
                    key = ended.step.key
                    seconds = f'{time.monotonic() - ended.start:.0f} s'
                    if process.returncode == 0:
                        self._finish(ended.step)
                        self.say(f'[{count}/{total}] {key}, {seconds}')
                    else:
                        why = f'failed, see {self.log(ended.step)}'
                        self.failed[key] = why
                        self.say(f'[{count}/{total}] {key} {why}')
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()

    def _show(self, running: Iterable[_Running], bars: ProgressBars) -> None:
        for x in running:
            progress = read_progress(x.step.kind, self.log(x.step))
            if progress is not None:
                bars.set(x.bar, *progress)

    def _is_decided(self, step: Step) -> bool:
        """Return whether all that a step needs is finished or has failed."""
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
        if len(self.slots) > 1:  # otherwise each process takes all cores
            threads = max((os.cpu_count() or 1) // len(self.slots), 1)
            threads = os.environ.get('OMP_NUM_THREADS', str(threads))
            variables['OMP_NUM_THREADS'] = threads
        script = str(self.tools / SCRIPTS[step.kind])
        # A process that outlives this one keeps the lock.
        return start_logged(
            [script, step.config, *self.arguments(step)],
            self.log(step),
            variables,
            pass_fds=[lock],
        )

    def _finish(self, step: Step) -> None:
        """Mark a step as finished by writing its description."""
        write_json(self.folder(step) / 'step.json', vars(step))
