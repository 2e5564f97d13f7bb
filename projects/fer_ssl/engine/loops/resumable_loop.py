from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from mmengine.dist import barrier, get_rank
from mmengine.runner import set_random_seed
from torch import nn

from ...utils.lost_workers import LOADER_ERRORS, lost_worker
from ...utils.seeds import mixed_seed
from ..graceful_stop import GracefulStop, StopRequest, TrainingInterrupted
from ..hooks.safe_checkpoint_hook import save_interrupted


class ResumableLoop:
    """Base class of the training loops of this package.

    A resumed run equals the uninterrupted one bit for bit: all random numbers
    are functions of the seed, the iteration, the rank and the draw, and a
    validation that was due at the checkpoint still takes place. A run that
    receives SIGINT or SIGTERM finishes its iteration and saves its state.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.stop = GracefulStop()
        super().__init__(*args, **kwargs)

    @abstractmethod
    def train(self) -> None:
        """Train to the end and call all hooks."""

    def run(self) -> nn.Module:
        """Train to the end and return the model.

        Raises:
            TrainingInterrupted: A signal has stopped the run; its state is
                saved.
        """
        if self.stop not in self.runner.hooks:
            self.runner.register_hook(self.stop)
        with self.stop:
            try:
                self.train()
                return self.runner.model
            except StopRequest as request:
                self.stop.restore_weights(self.runner)
                path = save_interrupted(self.runner)
                if request.by_all:
                    # A launcher kills the other ranks when one ends, so none
                    # may leave before all have saved.
                    barrier()
        raise TrainingInterrupted(self.stop.number, path)

    def next_batch(self, iterator: Iterator) -> Any:
        """Fetch the next batch and seed its iteration.

        Raises:
            StopIteration: There is no further batch.
            RuntimeError: A worker of the loader was killed.
            StopRequest: A process of the run has received a signal to stop.
        """
        complete = self._steps_are_complete()
        batch = None
        if not (self.stop.requested and complete):
            try:
                batch = next(iterator)
            except LOADER_ERRORS as error:
                self._raise_unless_stopped(error)
        if self.stop.agreed() and (complete or batch is None):
            raise StopRequest(by_all=True)
        # Dropout, for example, draws from the global generators.
        set_random_seed(mixed_seed(self.runner.seed, self._iter, get_rank()))
        return batch

    def _raise_unless_stopped(self, error: Exception) -> None:
        """Raise an error of a loader, unless a stop signal explains it.

        The signal has ended the workers of the loader, too.
        """
        if self.stop.requested:
            return
        text = lost_worker(error)
        if text is None:
            raise error
        raise RuntimeError(text) from error

    def _steps_are_complete(self) -> bool:
        """Whether no accumulated gradient waits for further iterations."""
        optim = self.runner.optim_wrapper
        parts = optim.values() if hasattr(optim, 'values') else [optim]
        return all(x._inner_count % x._accumulative_counts == 0 for x in parts)

    def is_validated(self) -> bool:
        """Whether the checkpoint includes this iteration's validation."""
        hub = self.runner.message_hub
        return hub.get_info('validated_iteration', -1) == self._iter

    def validate_if_due(self, step: int, last: int) -> None:
        """Validate if ``val_begin`` and ``val_interval`` ask for it.

        Args:
            step: Number of iterations or epochs that are done.
            last: Total number of iterations or epochs.

        Raises:
            StopRequest: The run has received a signal to stop.
        """
        self._decide_current_val_interval()
        if (
            self.runner.val_loop is None
            or step < self.val_begin
            or (step % self.val_interval and step != last)
        ):
            return
        try:
            self.runner.val_loop.run()
        except LOADER_ERRORS as error:
            self._raise_unless_stopped(error)
            raise StopRequest from error
