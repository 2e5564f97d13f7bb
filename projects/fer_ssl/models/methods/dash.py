from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.registry import TASK_UTILS
from torch import Tensor

from .fixmatch import FixMatch


@TASK_UTILS.register_module()
class Dash(FixMatch):
    """Dash (Xu et al., ICML 2021, arXiv 2109.00650).

    :class:`FixMatch` that learns the faces for which the weak view's loss with
    its own pseudo-label is at most rho, which falls in steps k = 1, 2, ...::

        CE(argmax q, q) = -log max q <= rho
        rho = max(scale * gamma^-(k - 1) * rho_1, rho_min)

    During a warm-up only the labeled faces are learned; rho_1 is their mean
    loss over the last pass of the warm-up (or over all of it, if shorter).

    Args:
        warmup: Fraction of the training without unlabeled faces.
        steps: Number of steps of rho in the rest of the training.
        gamma: Factor between two steps.
        scale: C of the paper.
        rho_min: Minimum of rho; 0.05 requires a probability of 0.951.
        kwargs: Options of :class:`FixMatch`, except ``threshold`` and
            ``warm_start``.
    """

    def __init__(
        self,
        warmup: float = 0.02,
        steps: int = 100,
        gamma: float = 1.27,
        scale: float = 1.0001,
        rho_min: float = 0.05,
        **kwargs,
    ) -> None:
        if 'threshold' in kwargs:
            raise ValueError('Dash has no threshold: set rho_min instead.')
        super().__init__(**kwargs)
        if self.warm_start_iters:
            raise ValueError(
                'Dash has a warm-up of its own: set warmup instead of '
                'warm_start.'
            )
        self.warmup_iters = max(1, math.ceil(warmup * self.max_iters))
        self.steps = steps
        self.gamma = gamma
        self.scale = scale
        self.rho_min = rho_min
        # Sum of the losses of labeled faces, and the number of these faces.
        self.register_buffer('labeled_loss', torch.zeros(2))

    def supervised_loss(
        self, logits: Tensor, labels: Tensor, iteration: int
    ) -> Tensor:
        loss = F.cross_entropy(logits, labels)
        faces = len(labels) * get_world_size()
        last_pass = self.warmup_iters - math.ceil(self.num_labeled / faces)
        if last_pass <= iteration < self.warmup_iters:
            mean = loss.detach().clone()
            all_reduce(mean, op='mean')
            self.labeled_loss[0] += mean * faces
            self.labeled_loss[1] += faces
        return loss

    def confident(
        self, weak: Tensor, indices: Tensor, iteration: int
    ) -> Tensor:
        if iteration < self.warmup_iters:
            return torch.zeros_like(indices, dtype=torch.bool)
        loss = -weak.log_softmax(dim=1).amax(dim=1)
        return loss <= self.rho(iteration)

    def rho(self, iteration: int) -> Tensor:
        """Return the maximum loss of a face to learn from, after warm-up."""
        past = iteration - self.warmup_iters
        step = past * self.steps // (self.max_iters - self.warmup_iters)
        first = self.labeled_loss[0] / self.labeled_loss[1]
        rho = self.scale * self.gamma**-step * first
        return rho.clamp(min=self.rho_min)
