from __future__ import annotations

import copy
import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """``CheckpointHook`` that never leaves a run without a checkpoint.

    MMEngine removes the outdated checkpoint before it writes the new one: a
    run that is killed in between, or that fills the disk, has lost both. Here
    a file is removed when its successor is complete. (That files appear whole
    or not at all is the work of ``fer_ssl.compat.write_checkpoints_whole``.)

    Raises:
        OSError: A checkpoint cannot be written; the message names the one
            from which the run can be resumed.
    """

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict):
        with self._removals_last(runner):
            super()._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        with self._removals_last(runner):
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _removals_last(self, runner) -> Iterator[None]:
        """Put off what the hook removes until all is written."""
        previous = runner.message_hub.runtime_info.get('last_ckpt')
        backend, outdated = self.file_backend, []
        self.file_backend = copy.copy(backend)
        self.file_backend.remove = outdated.append
        try:
            yield
        except OSError as error:
            if error.errno is None or 'cannot be written' in str(error):
                raise
            kept = 'there is no earlier one'
            if previous and osp.isfile(previous):
                kept = f'{previous} is intact: --resume goes on from it'
            raise OSError(
                error.errno,
                f'a checkpoint of iteration {runner.iter} cannot be written '
                f'to {self.out_dir} ({error.strerror}); {kept}',
            ) from error
        finally:
            self.file_backend = backend
        for path in outdated:
            backend.remove(path)
