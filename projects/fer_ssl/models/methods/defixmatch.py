from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import pseudo_labels
from .base_method import MethodBatch, MethodResult
from .fixmatch import FixMatch


@TASK_UTILS.register_module()
class DeFixMatch(FixMatch):
    """DeFixMatch (Schmutz et al., ICLR 2023, arXiv 2203.07512).

    :class:`FixMatch` minus the same unsupervised loss of the labeled faces,
    which does not use their labels::

        L = CE(y, p(x)) + weight * (L_u(unlabeled) - L_u(labeled))

    If labeled and unlabeled faces come from the same distribution, the two
    unsupervised losses are equal on average, so that L is an unbiased estimate
    of the supervised loss, whatever the pseudo-labels are. The supervised loss
    is the mean over the weak and the strong view.

    L_u should treat labeled and unlabeled faces alike. That is the case with
    one pass for all views, without the options ``separate_weak_pass`` and
    ``teacher``.

    Args:
        kwargs: Options of :class:`FixMatch`.
    """

    labeled_views = ('weak', 'strong')

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        labeled_weak, labeled_strong = labeled.chunk(2)
        loss, targets, confident = self.consistency(weak, strong)
        labeled_loss, *_ = self.consistency(
            labeled_weak.detach(), labeled_strong
        )
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=self.weight * loss,
            loss_debiasing=-self.weight * labeled_loss,
        )
        return MethodResult(losses, weak, targets, confident)

    def consistency(
        self, weak: Tensor, strong: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute L_u of logits (M, C).

        Returns:
            L_u, the pseudo-labels (M, C), and which faces are confident.
        """
        targets = pseudo_labels(weak, 'argmax')
        confident = weak.softmax(dim=1).amax(dim=1) >= self.threshold
        loss = F.cross_entropy(strong, targets, reduction='none')
        return (loss * confident).mean(), targets, confident
