from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import pseudo_labels
from .base_method import MethodBatch, MethodResult
from .fixmatch import FixMatch


@TASK_UTILS.register_module()
class DebiasPL(FixMatch):
    """DebiasPL (Wang et al., CVPR 2022, arXiv 2201.01490).

    :class:`FixMatch` with fewer pseudo-labels of the classes that the network
    predicts too often. With pbar the moving average of the predictions for the
    weak view, the pseudo-labels come from debiased logits, and the loss has
    larger margins for rarely predicted classes::

        q = softmax(z_w - tau * log pbar)
        pbar <- momentum * pbar + (1 - momentum) * mean(softmax(z_w))
        L_u = mean(1[max q >= threshold] * CE(argmax q, z_s + tau * log pbar))

    in this order, so the loss has the new average. It is uniform at first.
    All faces enter it, confident or not.

    Args:
        tau: Strength of both corrections, 0.4 in the authors' scripts.
        momentum: Momentum of pbar.
        kwargs: Options of :class:`FixMatch`.
    """

    def __init__(
        self, tau: float = 0.4, momentum: float = 0.999, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.tau = tau
        self.momentum = momentum
        uniform = torch.full((self.num_classes,), 1 / self.num_classes)
        self.register_buffer('mean_probs', uniform)

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        debiased = weak - self.bias()
        targets = pseudo_labels(debiased, 'argmax')
        confident = self.confident(debiased, batch.indices, iteration)
        self.learn_mean(weak.softmax(dim=1))
        unsupervised = F.cross_entropy(
            strong + self.bias(), targets, reduction='none'
        )
        losses = dict(
            loss_supervised=self.supervised_loss(
                labeled, batch.labels, iteration
            ),
            loss_unsupervised=self.weight * (unsupervised * confident).mean(),
        )
        return MethodResult(losses, debiased, targets, confident)

    def bias(self) -> Tensor:
        """Return tau * log pbar, (C,)."""
        # In a long training, a class that is never predicted would have 0.
        return self.tau * self.mean_probs.clamp(min=1e-6).log()

    def learn_mean(self, probs: Tensor) -> None:
        """Move pbar toward the mean probabilities of faces, (M, C)."""
        mean = probs.mean(dim=0)
        all_reduce(mean, op='mean')
        self.mean_probs.lerp_(mean, 1 - self.momentum)
