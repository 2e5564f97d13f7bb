from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import masked_cross_entropy, pseudo_labels
from .base_method import BaseMethod, MethodBatch, MethodResult


@TASK_UTILS.register_module()
class FixMatch(BaseMethod):
    """FixMatch (Sohn et al., 2020, arXiv 2001.07685).

    The strong view learns the most likely class of the weak view if that is
    confident enough (Eq. 4 there), in addition to the supervised loss
    (Eq. 3)::

        L = CE(y, p(x)) + weight * L_u
        L_u = mean(1[max q >= threshold] * CE(argmax q, p_s))

    with q = p(weak view), without gradient, p_s = p(strong view), and the
    mean over all unlabeled faces, confident or not.

    A method that differs in one of the three parts overrides
    :meth:`supervised_loss`, :meth:`targets` or :meth:`confident`.

    Args:
        threshold: Minimum confidence, tau.
        pseudo_label: ``'argmax'``, or ``'soft'`` for the distribution q.
        weight: Factor of the unsupervised loss, lambda_u.
        ramp: Fraction of the training, after the warm start, over which the
            weight grows from 0.
        kwargs: Options of :class:`BaseMethod`.
    """

    def __init__(
        self,
        threshold: float = 0.95,
        pseudo_label: str = 'argmax',
        weight: float = 1.0,
        ramp: float = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if pseudo_label not in ('argmax', 'soft'):
            raise ValueError(
                f'{type(self).__name__}: pseudo_label={pseudo_label!r} is '
                'neither argmax nor soft.'
            )
        self.threshold = threshold
        self.pseudo_label = pseudo_label
        self.weight = weight
        self.ramp = ramp

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        supervised = self.supervised_loss(labeled, batch.labels, iteration)
        targets = self.targets(weak)
        confident = self.confident(weak, batch.indices, iteration)
        losses = dict(
            loss_supervised=supervised,
            loss_unsupervised=self.weight_at(iteration)
            * masked_cross_entropy(strong, targets, confident),
        )
        return MethodResult(losses, weak, targets, confident)

    def weight_at(self, iteration: int) -> float:
        """Return the weight of the unsupervised loss in an iteration."""
        return self.weight * self.ramp_up(iteration, self.ramp)

    def supervised_loss(
        self, logits: Tensor, labels: Tensor, iteration: int
    ) -> Tensor:
        """Compute the loss of the labeled faces, logits (N, C)."""
        return F.cross_entropy(logits, labels)

    def targets(self, weak: Tensor) -> Tensor:
        """Make pseudo-labels (M, C) from the weak view's logits (M, C)."""
        return pseudo_labels(weak, self.pseudo_label)

    def confident(
        self, weak: Tensor, indices: Tensor, iteration: int
    ) -> Tensor:
        """Select the faces to learn from, bool (M,).

        It is called once per iteration, after :meth:`supervised_loss`.

        Args:
            weak: Logits of the weak view, (M, C), without gradient.
            indices: Indices of the faces in the unlabeled data set, (M,).
            iteration: The iteration, counted from 0.
        """
        return self.is_confident(weak)

    def is_confident(self, logits: Tensor) -> Tensor:
        """Return which logits (M, C) reach the threshold, bool (M,)."""
        return logits.softmax(dim=1).amax(dim=1) >= self.threshold
