from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.registry import TASK_UTILS
from torch import Tensor

from .fixmatch import FixMatch

# Training signal annealing: fraction of the training that is done -> alpha.
_SCHEDULES = {
    'linear': lambda progress: progress,
    'log': lambda progress: 1 - math.exp(-5 * progress),
    'exp': lambda progress: math.exp(5 * (progress - 1)),
}


@TASK_UTILS.register_module()
class UDA(FixMatch):
    """Unsupervised data augmentation (Xie et al., 2020, arXiv 1904.12848).

    :class:`FixMatch` with a sharpened distribution as the target,
    softmax(z / temperature), and with training signal annealing: labeled
    faces whose true class has a probability above eta do not count::

        eta = alpha(t) * (1 - 1 / C) + 1 / C
        alpha = t, 1 - exp(-5 t) or exp(5 (t - 1)), t = iteration / max_iters

    The supervised loss is the mean over those that count (of all ranks). The
    cross-entropy has the gradient of the paper's KL divergence.

    Args:
        threshold: Minimum confidence before sharpening, beta.
        temperature: Softmax temperature of the target; below 1 sharpens it.
        annealing: ``'linear'``, ``'log'`` (for many labels), ``'exp'`` (for
            few labels), or ``None`` for no annealing.
        kwargs: Options of :class:`FixMatch`, except ``pseudo_label``.
    """

    def __init__(
        self,
        threshold: float = 0.8,
        temperature: float = 0.4,
        annealing: str | None = 'exp',
        **kwargs,
    ) -> None:
        if 'pseudo_label' in kwargs:
            raise ValueError(
                'UDA has no pseudo_label: its labels are soft, set '
                'temperature instead.'
            )
        super().__init__(threshold=threshold, **kwargs)
        if annealing not in (None, *_SCHEDULES):
            raise ValueError(
                f'UDA: annealing={annealing!r} is none of '
                f'{", ".join(_SCHEDULES)} and None.'
            )
        self.temperature = temperature
        self.annealing = annealing

    def targets(self, weak: Tensor) -> Tensor:
        return (weak / self.temperature).softmax(dim=1)

    def supervised_loss(
        self, logits: Tensor, labels: Tensor, iteration: int
    ) -> Tensor:
        if self.annealing is None:
            return F.cross_entropy(logits, labels)
        loss = F.cross_entropy(logits, labels, reduction='none')
        counted = torch.exp(-loss.detach()) <= self.eta(iteration)
        count = counted.sum()
        all_reduce(count)
        # DDP averages the gradients of the ranks rather than summing them.
        ranks = get_world_size()
        return ranks * (loss * counted).sum() / count.clamp(min=1)

    def eta(self, iteration: int) -> float:
        """Return the maximum probability of the true class that counts."""
        alpha = _SCHEDULES[self.annealing](iteration / self.max_iters)
        return alpha * (1 - 1 / self.num_classes) + 1 / self.num_classes
