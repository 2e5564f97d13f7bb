from __future__ import annotations

import time

from mmengine.hooks import Hook
from mmengine.registry import HOOKS

_SECONDS = 'cpu_seconds'


@HOOKS.register_module()
class CpuTimeHook(Hook):
    """Log the CPU time of a training along with its scores.

    ``cpu_minutes`` of a validation is the time that all threads of this
    process have worked for the training so far, in all parts of a resumed
    run; validations do not count. Unlike wall-clock time, it hardly depends
    on what else the machine does. Each resume loses the last iteration
    before it. Workers of a loader are processes of
    their own and do not count: set ``num_workers=0``.
    """

    # After all other hooks, so that their time counts.
    priority = 'LOWEST'

    def before_train(self, runner) -> None:
        self._mark = time.process_time()

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        now = time.process_time()
        hub = runner.message_hub
        total = hub.get_info(_SECONDS, 0.0) + now - self._mark
        hub.update_info(_SECONDS, total)
        self._mark = now

    def before_val_epoch(self, runner) -> None:
        total = runner.message_hub.get_info(_SECONDS, 0.0)
        runner.message_hub.update_scalar('val/cpu_minutes', total / 60)

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._mark = time.process_time()
