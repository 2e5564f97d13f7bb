from __future__ import annotations

import torch
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import masked_cross_entropy
from .base_method import MethodBatch, MethodResult, mean_over_faces
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
        supervised = self.supervised_loss(labeled, batch.labels, iteration)
        debiased = weak - self.bias()
        targets = self.targets(debiased)
        confident = self.confident(debiased, batch.indices, iteration)
        mean = mean_over_faces(weak.softmax(dim=1))
        self.mean_probs.lerp_(mean, 1 - self.momentum)
        losses = dict(
            loss_supervised=supervised,
            loss_unsupervised=self.weight_at(iteration)
            * masked_cross_entropy(strong + self.bias(), targets, confident),
        )
        return MethodResult(losses, debiased, targets, confident)

    def bias(self) -> Tensor:
        """Return tau * log pbar, (C,)."""
        # In a long training, a class that is never predicted would have 0.
        return self.tau * self.mean_probs.clamp(min=1e-6).log()
