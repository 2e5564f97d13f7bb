from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import TASK_UTILS

from ..pseudo_labels import masked_cross_entropy
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
        targets, confident = self.targets(weak), self.is_confident(weak)
        labeled_weak = labeled_weak.detach()
        debiasing = masked_cross_entropy(
            labeled_strong,
            self.targets(labeled_weak),
            self.is_confident(labeled_weak),
        )
        weight = self.weight_at(iteration)
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=weight
            * masked_cross_entropy(strong, targets, confident),
            loss_debiasing=-weight * debiasing,
        )
        return MethodResult(losses, weak, targets, confident)
