from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import EMAHook, Hook


class TrainingInterrupted(KeyboardInterrupt):
    """A training was stopped by a signal and has saved its state.

    Args:
        number: The signal, such as ``signal.SIGTERM``.
        checkpoint: File to resume from.
    """

    def __init__(self, number: int, checkpoint: str) -> None:
        name = signal.Signals(number).name
        super().__init__(f'{name}: the state is saved in {checkpoint}.')
        self.number = number
        self.checkpoint = checkpoint


class StopRequest(Exception):  # noqa: N818 (not an error)
    """Raised to leave a training loop between two iterations.

    Args:
        by_all: Whether all processes of the training leave the loop at this
            point.
    """

    def __init__(self, by_all: bool = False) -> None:
        super().__init__()
        self.by_all = by_all


class GracefulStop(Hook):
    """Makes SIGINT and SIGTERM end a training between two iterations.

    As a context manager it handles the two signals; a second SIGINT some
    seconds later ends the process at once. As a hook it cuts a validation
    short, whose results are no longer of use.
    """

    # Runs before EMAHook swaps the averaged weights in or out.
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self.number: int | None = None
        self._validating = False
        self._replaced: dict[int, Any] = {}

    def __enter__(self) -> GracefulStop:
        self._process = os.getpid()
        self.number = None
        # Python allows signal handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._replaced[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def _request(self, number: int, _: Any = None) -> None:
        """Handle a signal: the first one asks the loop to stop."""
        if os.getpid() != self._process:
            return  # a forked loader worker, which ends with this process
        now = time.monotonic()
        if not self.requested:
            self.number = number
            self._since = now
            # Not print, whose buffer the signal may have interrupted.
            name = signal.Signals(number).name
            message = f'{name}: the training ends after this iteration.\n'
            os.write(2, message.encode())
            if self._replaced:
                # The signal may have ended loader workers, too. torch's
                # handler would raise an error about them in the middle of the
                # iteration, or at the exit of the process, so it is not
                # restored.
                signal.signal(signal.SIGCHLD, lambda *_: None)
        # An earlier second SIGINT is likely the same Ctrl-C, passed on by a
        # launcher.
        elif number == signal.SIGINT and now > self._since + 5:
            signal.default_int_handler(number, None)

    @property
    def requested(self) -> bool:
        """Whether this process has received a signal to stop."""
        return self.number is not None

    def agreed(self) -> bool:
        """Whether any process of the training has received a signal to stop.

        All processes have to call this at the same points of the training.
        """
        if get_world_size() == 1:
            return self.requested
        number = torch.tensor(self.number or 0)
        all_reduce(number, op='max')
        if number and not self.requested:
            self._request(int(number))
        # Not self.requested: a signal that has arrived since the tensor was
        # made is known to this process only, and counts the next time.
        return bool(number)

    def before_val(self, runner) -> None:
        self._leave_validation()

    def before_val_epoch(self, runner) -> None:
        self._validating = True

    def after_val_iter(self, *_: Any, **__: Any) -> None:
        self._leave_validation()

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        self._validating = False
        # Set first, before other hooks save a checkpoint with the scores.
        runner.message_hub.update_info('validated_iteration', runner.iter)

    def _leave_validation(self) -> None:
        # Only the main process leaves early: the other ranks may then wait
        # for it at the end of the validation, but it does not wait for them
        # to save.
        if self.requested and is_main_process():
            raise StopRequest

    def restore_weights(self, runner) -> None:
        """Undo the swap of weights that ``EMAHook`` makes for a validation."""
        if self._validating:
            self._validating = False
            for hook in runner.hooks:
                if isinstance(hook, EMAHook) and getattr(
                    hook, 'evaluate_on_ema', True
                ):
                    hook._swap_ema_parameters()
