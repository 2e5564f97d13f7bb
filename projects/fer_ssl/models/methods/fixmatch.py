from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import pseudo_labels
from .base_method import BaseMethod, MethodBatch, MethodResult, predict


@TASK_UTILS.register_module()
class FixMatch(BaseMethod):
    """FixMatch (Sohn et al., 2020, arXiv 2001.07685).

    The strong view learns the most likely class of the weak view where that
    is sure enough (Eq. 4 there), beside the supervised loss (Eq. 3)::

        L = CE(y, p(x)) + weight * L_u
        L_u = mean(1[max q >= threshold] * CE(argmax q, p_s))

    with q = p(weak view), without gradient, p_s = p(strong view), and the
    mean over all unlabeled faces, sure or not.

    A method that differs in one of the three parts overrides
    :meth:`supervised_loss`, :meth:`targets` or :meth:`confident`.

    Args:
        threshold: tau.
        weight: lambda_u.
        kwargs: Those of :class:`BaseMethod`.
    """

    def __init__(
        self, threshold: float = 0.95, weight: float = 1.0, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold
        self.weight = weight

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = predict(
            network, batch.faces, batch.weak[0], batch.strong
        )
        weak = weak.detach()
        supervised = self.supervised_loss(labeled, batch.labels, iteration)
        targets = self.targets(weak)
        confident = self.confident(weak, batch.indices, iteration)
        unsupervised = F.cross_entropy(strong, targets, reduction='none')
        losses = dict(
            loss_supervised=supervised,
            loss_unsupervised=self.weight * (unsupervised * confident).mean(),
        )
        return MethodResult(losses, weak, targets, confident)

    def supervised_loss(
        self, logits: Tensor, labels: Tensor, iteration: int
    ) -> Tensor:
        """Loss of the labeled faces, of logits (N, C) and labels (N,)."""
        return F.cross_entropy(logits, labels)

    def targets(self, weak: Tensor) -> Tensor:
        """Pseudo-labels (M, C) from the logits of the weak view, (M, C)."""
        return pseudo_labels(weak, 'argmax')

    def confident(
        self, weak: Tensor, indices: Tensor, iteration: int
    ) -> Tensor:
        """Faces to learn from, (M,) bool, from the logits of the weak view.

        Called once per iteration, after :meth:`supervised_loss`.
        """
        return weak.softmax(dim=1).amax(dim=1) >= self.threshold
