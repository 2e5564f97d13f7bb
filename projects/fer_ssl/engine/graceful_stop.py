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
    """A training has been told to end and has saved its state.

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
    """Leaves a training loop between two iterations.

    Args:
        by_all: All processes of the training leave it at this point.
    """

    def __init__(self, by_all: bool = False) -> None:
        super().__init__()
        self.by_all = by_all


class GracefulStop(Hook):
    """Lets SIGINT and SIGTERM end a training between two iterations.

    As a context manager it takes over the two signals; a second SIGINT some
    seconds later ends the process at once. As a hook it leaves a validation,
    whose results are of no use any more.
    """

    # Its part of an event comes before EMAHook puts weights in or out.
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self.number: int | None = None
        self._validating = False
        self._replaced: dict[int, Any] = {}

    def __enter__(self) -> GracefulStop:
        self._process = os.getpid()
        self.number = None
        # Python allows it to the main thread only.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._replaced[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def _ask(self, number: int, _: Any = None) -> None:
        if os.getpid() != self._process:
            return  # a worker of a loader, which ends with this process
        now = time.monotonic()
        if not self.requested:
            self.number = number
            self._since = now
            # Not by print, which the signal may have interrupted.
            name = signal.Signals(number).name
            os.write(2, f'{name}: ends after this iteration.\n'.encode())
            if self._replaced:
                # The signal may have ended workers of the loaders, too. torch
                # would raise that in the middle of the iteration, or at the
                # end of the process, so its handler is not put back.
                signal.signal(signal.SIGCHLD, lambda *_: None)
        # At once they come from launchers, which pass on what they got.
        elif number == signal.SIGINT and now > self._since + 5:
            signal.default_int_handler(number, None)

    @property
    def requested(self) -> bool:
        """Whether this process has been told to end."""
        return self.number is not None

    def agreed(self) -> bool:
        """Whether any process of the training has been told to end.

        Each of them has to ask at the same points of the training.
        """
        if get_world_size() == 1:
            return self.requested
        number = torch.tensor(self.number or 0)
        all_reduce(number, op='max')
        if number and not self.requested:
            self._ask(int(number))
        return self.requested

    def before_val(self, runner) -> None:
        self._leave_validation()

    def before_val_epoch(self, runner) -> None:
        self._validating = True

    def after_val_iter(self, *_: Any, **__: Any) -> None:
        self._leave_validation()

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        self._validating = False
        # Before the hooks that use its scores or save a checkpoint.
        runner.message_hub.update_info('validated_iteration', runner.iter)

    def _leave_validation(self) -> None:
        # The others may wait for this process at the end of the validation,
        # but it waits for none of them when it saves.
        if self.requested and is_main_process():
            raise StopRequest

    def restore_weights(self, runner) -> None:
        """Undo what ``EMAHook`` does for the time of a validation."""
        if self._validating:
            self._validating = False
            for hook in runner.hooks:
                if isinstance(hook, EMAHook) and getattr(
                    hook, 'evaluate_on_ema', True
                ):
                    hook._swap_ema_parameters()
