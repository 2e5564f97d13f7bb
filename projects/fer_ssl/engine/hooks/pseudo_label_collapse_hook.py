from __future__ import annotations

import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS


@HOOKS.register_module()
class PseudoLabelCollapseHook(Hook):
    """Warns when nearly all pseudo-labels are of one class.

    The losses do not show that a teacher has collapsed: the student and the
    consistency loss agree with it perfectly.

    Args:
        fraction: Fraction of one class above which to warn.
        interval: Number of iterations over which the fraction is averaged.
    """

    def __init__(self, fraction: float = 0.95, interval: int = 500) -> None:
        self.fraction = fraction
        self.interval = interval
        self._restart()

    def _restart(self) -> None:
        self.sums: dict = {}
        self.count = 0

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        self.count += 1
        for name, value in outputs.items():
            if name.startswith('pseudo_label/fraction_'):
                self.sums[name] = self.sums.get(name, 0) + value
        if not self.every_n_train_iters(runner, self.interval):
            return
        for name, total in self.sums.items():
            mean = float(total) / self.count
            if mean > self.fraction:
                label = name.removeprefix('pseudo_label/fraction_')
                print_log(
                    f'{mean:.1%} of the pseudo-labels of the last '
                    f'{self.count} iterations are {label!r}: the teacher '
                    'may have collapsed. Check its macro-F1. A lower learning '
                    'rate, a higher consistency threshold or pretrained '
                    'weights may help.',
                    logger='current',
                    level=logging.WARNING,
                )
        self._restart()
