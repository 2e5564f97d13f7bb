from __future__ import annotations

import copy
import os.path as osp
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS

from ...utils.files import write_text

#: File with the state of a run that a signal ended between two checkpoints.
INTERRUPTED = 'interrupted.pth'


def save_interrupted(runner) -> str:
    """Save the state of a run that ends now, unless a checkpoint has it.

    Returns:
        Path of the checkpoint, which ``last_checkpoint`` also names.
    """
    for hook in runner.hooks:
        if getattr(hook, 'saved_iteration', None) == runner.iter:
            return hook.last_ckpt
    path = osp.join(runner.work_dir, INTERRUPTED)
    meta = dict(epoch=runner.epoch, iter=runner.iter)
    runner.save_checkpoint(
        runner.work_dir, INTERRUPTED, meta=meta, by_epoch=False
    )
    if is_main_process():
        write_text(osp.join(runner.work_dir, 'last_checkpoint'), path)
    return path


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """``CheckpointHook`` that never leaves a run without a checkpoint.

    MMEngine removes the outdated checkpoint before it writes the new one: a
    run that is killed in between, or that fills the disk, loses both. This
    hook removes a file only when its successor is complete. (It is
    ``fer_ssl.compat.write_checkpoints_whole`` that makes files appear whole
    or not at all.)

    A resumed run leaves the folder as an uninterrupted one would: it removes
    incomplete files, best checkpoints of iterations that are trained again,
    and ``interrupted.pth``.

    Raises:
        OSError: A checkpoint cannot be written; the message names the one
            from which the run can be resumed.
    """

    #: Iteration of the latest checkpoint that this process has written.
    saved_iteration: int | None = None

    def before_train(self, runner) -> None:
        info = runner.message_hub.runtime_info
        # The IDs become names of files to remove, and a checkpoint is data
        # that may come from anyone.
        kept = info.get('keep_ckpt_ids', [])
        if type(kept) is not list or any(type(x) is not int for x in kept):
            del info['keep_ckpt_ids']
        super().before_train(runner)
        if getattr(self, 'best_ckpt_path', None):
            self.best_ckpt_path = self._own_best(self.best_ckpt_path)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = path and self._own_best(path)
        if is_main_process() and osp.isdir(self.out_dir):
            self._clean(runner)

    def _own_best(self, path: str) -> str | None:
        """Return the best checkpoint, as a file in the folder of this run.

        A resumed checkpoint names its path. No file elsewhere may be meant,
        since it will be removed when there is a better one.
        """
        name = osp.basename(path)
        is_own = name.startswith('best_') and name.endswith('.pth')
        return osp.join(self.out_dir, name) if is_own else None

    def _clean(self, runner) -> None:
        """Remove the files that an interrupted run has left."""
        folder = Path(self.out_dir)
        outdated = list(folder.glob('*.part.pth'))
        for file in folder.glob('best_*.pth') if runner._resume else ():
            found = re.fullmatch(r'best_.+_(iter|epoch)_(\d+)\.pth', file.name)
            if found and int(found[2]) > getattr(runner, found[1]):
                outdated.append(file)
        for file in outdated:
            file.unlink()

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict):
        with self._removals_last(runner, step):
            super()._save_checkpoint_with_step(runner, step, meta)
        self.saved_iteration = meta['iter']
        if is_main_process():
            Path(runner.work_dir, INTERRUPTED).unlink(missing_ok=True)

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        step = runner.epoch if self.by_epoch else runner.iter
        with self._removals_last(runner, step):
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _removals_last(self, runner, step: int) -> Iterator[None]:
        """Postpone the base class's removals until all files are written."""
        previous = runner.message_hub.runtime_info.get('last_ckpt')
        backend, outdated = self.file_backend, []
        # A backend that only records the files to remove.
        self.file_backend = copy.copy(backend)
        self.file_backend.remove = outdated.append
        try:
            yield
        except OSError as error:
            if error.errno is None or 'cannot be written' in str(error):
                raise
            kept = 'there is no earlier one'
            if previous and osp.isfile(previous):
                kept = f'{previous} is intact, and --resume continues from it'
            unit = 'epoch' if self.by_epoch else 'iteration'
            raise OSError(
                error.errno,
                f'The checkpoint of {unit} {step} cannot be written to '
                f'{self.out_dir} ({error.strerror}); {kept}. Free some space '
                'or choose another --work-dir.',
            ) from error
        finally:
            self.file_backend = backend
        for path in outdated:
            backend.remove(path)
