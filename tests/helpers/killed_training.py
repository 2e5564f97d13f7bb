"""Training in a process of its own that may send itself a signal."""

import os
import signal
import sys

from mmengine.config import Config
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fer_ssl.engine.graceful_stop import TrainingInterrupted


class Kill(Hook):
    """A signal at an iteration, counted from 0, at a moment of it.

    Args:
        moment: ``'before'``, ``'between'`` (the two steps of a teacher and a
            student), ``'after'``, ``'validation'``, the one behind it, or
            ``'validated'``, its end.
    """

    priority = 'VERY_LOW'  # after the checkpoint of the iteration

    def __init__(self, iteration, moment, number=signal.SIGKILL):
        self.iteration = iteration
        self.moment = moment
        self.number = number

    def _kill(self, moment, iteration):
        if (moment, iteration) == (self.moment, self.iteration):
            os.kill(os.getpid(), self.number)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._kill('before', runner.iter)

    def before_teacher_step(self, runner, batch_idx, feedback, outputs):
        self._kill('between', runner.iter)

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        self._kill('after', runner.iter)

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self._kill('validation', runner.iter - 1)

    def after_val_epoch(self, runner, metrics=None):
        self._kill('validated', runner.iter - 1)


def kill_in_the_third_checkpoint():
    put, written = LocalBackend.put, []

    def put_or_die(self, content, filepath):
        written.append(filepath)
        if len(written) == 3:
            put(self, content[: len(content) // 2], filepath)
            os.kill(os.getpid(), signal.SIGKILL)
        put(self, content, filepath)

    LocalBackend.put = put_or_die


def train(config, kill=None):
    """Train a config.

    Args:
        kill: The arguments of :class:`Kill`, or ``'checkpoint'``.
    """
    Runner._log_env = lambda *_: None  # asks compilers for their versions
    # Unformatted: yapf takes as long as an iteration.
    runner = Runner.from_cfg(Config(config, format_python_code=False))
    if kill == 'checkpoint':
        kill_in_the_third_checkpoint()
    elif kill is not None:
        runner.register_hook(Kill(*kill))
    try:
        runner.train()
    except TrainingInterrupted as stop:
        sys.exit(128 + stop.number)
