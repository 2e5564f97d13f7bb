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

#: State of a run that was told to end between two checkpoints.
INTERRUPTED = 'interrupted.pth'


def save_interrupted(runner) -> str:
    """Save the state of a run that ends now, if no checkpoint has it yet.

    Returns:
        The file, which is also named in ``last_checkpoint``.
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
    run that is killed in between, or that fills the disk, has lost both. Here
    a file is removed when its successor is complete. (That files appear whole
    or not at all is the work of ``fer_ssl.compat.write_checkpoints_whole``.)

    A resumed run leaves the folder as an uninterrupted one would: parts of
    files, best checkpoints of iterations that are trained again and
    ``interrupted.pth`` are removed.

    Raises:
        OSError: A checkpoint cannot be written; the message names the one
            from which the run can be resumed.
    """

    #: Iterations that the latest checkpoint of this process has seen.
    saved_iteration: int | None = None

    def before_train(self, runner) -> None:
        info = runner.message_hub.runtime_info
        # They become names of files to remove; a checkpoint is but data.
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
        """File in this run's folder that a resumed checkpoint calls its best.

        Never another file: it will be removed when there is a better one.
        """
        name = osp.basename(path)
        is_own = name.startswith('best_') and name.endswith('.pth')
        return osp.join(self.out_dir, name) if is_own else None

    def _clean(self, runner) -> None:
        """Remove what an interrupted run has left."""
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
            unit = 'epoch' if self.by_epoch else 'iteration'
            raise OSError(
                error.errno,
                f'the checkpoint of {unit} {step} cannot be written to '
                f'{self.out_dir} ({error.strerror}); {kept}. Free some space '
                'or name another --work-dir.',
            ) from error
        finally:
            self.file_backend = backend
        for path in outdated:
            backend.remove(path)
