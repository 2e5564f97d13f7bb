from __future__ import annotations

import logging
import re
from collections.abc import Iterator

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn


@HOOKS.register_module()
class SettingsCheckHook(Hook):
    """Check, before the first step, settings that must agree.

    A head must have as many outputs as its data has classes. Schedulers and
    hooks that count in epochs where the loop counts iterations, and the
    reverse, cause a warning only. ``tools/train.py`` and ``tools/test.py``
    register this hook.

    Raises:
        ValueError: A head and its data do not agree.
    """

    def before_run(self, runner) -> None:
        for name in ('train', 'val', 'test'):
            loop = getattr(runner, f'_{name}_loop')
            # A loop that is not built is not run.
            dataloader = getattr(loop, 'dataloader', None)
            if dataloader is not None:
                metainfo = getattr(dataloader.dataset, 'metainfo', None) or {}
                check_heads(runner.model, metainfo, f'{name}_dataloader')
        for warning in unit_warnings(runner):
            print_log(warning, 'current', logging.WARNING)


def check_heads(model: nn.Module, metainfo: dict, loader: str) -> None:
    """Compare the outputs of each head with the classes of the data.

    Args:
        model: The model, perhaps wrapped for DDP.
        metainfo: That of the data set; without classes nothing is compared.
        loader: Key of the data in the config, for the message.

    Raises:
        ValueError: They differ.
    """
    if is_model_wrapper(model):
        model = model.module
    tasks = metainfo.get('tasks') or {}
    for path, head in model.named_modules():
        if path.rpartition('.')[2] not in ('head', 'cls_head'):
            continue
        if hasattr(head, 'tasks'):  # MultiTaskFrameHead
            for task, part in head.tasks.items():
                key = f'{path}.tasks.{task}.num_outputs'
                _compare(key, part.num_outputs, tasks.get(task), loader)
        elif not tasks:
            key = f'{path}.num_classes'
            outputs = getattr(head, 'num_classes', None)
            _compare(key, outputs, metainfo.get('classes'), loader)


def _compare(key: str, outputs: int | None, names, loader: str) -> None:
    if not isinstance(outputs, int) or not names or outputs == len(names):
        return
    # Teacher and student are built from one config.
    key = re.sub('^(teacher|student)(?=[.])', 'network', key)
    raise ValueError(
        f'model.{key}={outputs}, but the data of {loader} has {len(names)} '
        f'classes: {", ".join(map(str, names))}. Set model.{key}='
        f'{len(names)}, or the classes of the data set by metainfo=dict('
        'classes=...).'
    )


def unit_warnings(runner) -> Iterator[str]:
    """Yield warnings of settings that count in another unit than the loop."""
    loop = runner._train_loop
    if isinstance(loop, IterBasedTrainLoop):
        yield from _counted_in_epochs(runner)
    elif isinstance(loop, EpochBasedTrainLoop):
        yield from _counted_in_iterations(runner, loop.max_epochs)


def _counted_in_epochs(runner) -> Iterator[str]:
    loop = type(runner._train_loop).__name__
    for scheduler in _schedulers(runner):
        # One that needs scores steps after each validation.
        if scheduler.by_epoch and not getattr(
            scheduler, 'need_val_args', False
        ):
            yield (
                f'{type(scheduler).__name__} counts epochs, but {loop} counts '
                'iterations: it never changes anything. Set by_epoch=False, '
                'and its milestones, begin and end in iterations.'
            )
    for hook in runner.hooks:
        name = type(hook).__name__
        if getattr(hook, 'by_epoch', False):
            yield (
                f'{name} counts epochs, but {loop} counts iterations, and all '
                'of them are one epoch. Set by_epoch=False, and its interval '
                'in iterations.'
            )
        elif getattr(hook, 'begin_epoch', 0):
            yield (
                f'{name} begins at epoch {hook.begin_epoch}, but {loop} '
                'counts iterations: it never begins. Set begin_iter.'
            )
        elif getattr(hook, 'log_metric_by_epoch', False):
            yield (
                f'{name} logs validations by epoch, but {loop} counts '
                'iterations. Set log_metric_by_epoch=False.'
            )
    if runner.log_processor.by_epoch:
        yield (
            f'log_processor counts epochs, but {loop} counts iterations. Set '
            'log_processor.by_epoch=False.'
        )


def _counted_in_iterations(runner, max_epochs: int) -> Iterator[str]:
    """Yield warnings of numbers of iterations that look like epochs."""
    loop = type(runner._train_loop).__name__
    if runner.max_iters <= max_epochs:
        return
    for scheduler in _schedulers(runner):
        name = type(scheduler).__name__
        milestones = getattr(scheduler, 'milestones', ())
        # A scheduler of epochs that was converted has large ones.
        if not scheduler.by_epoch and milestones:
            if max(milestones) < max_epochs:
                yield (
                    f'{name} counts iterations, but {loop} counts epochs: '
                    f'its milestones {sorted(milestones)} all are in '
                    'the first ones. Set by_epoch=True if they are epochs.'
                )
    for hook in runner.hooks:
        every = getattr(hook, 'interval', 0)
        if getattr(hook, 'by_epoch', True) is False and (
            0 < every <= max_epochs
        ):
            yield (
                f'{type(hook).__name__} acts every {every} iterations, but '
                f'{loop} counts epochs. Set by_epoch=True if its interval is '
                'in epochs.'
            )


def _schedulers(runner) -> Iterator:
    schedulers = runner.param_schedulers or []
    if isinstance(schedulers, dict):  # one list per optimizer
        schedulers = [x for group in schedulers.values() for x in group]
    # Teacher and student have the same ones.
    yield from {(type(x), x.by_epoch): x for x in schedulers}.values()
