from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import TASK_UTILS

from ..pseudo_labels import pseudo_labels
from .base_method import BaseMethod, MethodBatch, MethodResult, predict


@TASK_UTILS.register_module()
class PseudoLabel(BaseMethod):
    """Pseudo-Label (Lee, ICML 2013 workshop on representation learning).

    The network learns its own most likely class of a face, from the same
    (weak) view, with a weight that grows (Eq. 15 and 16 there)::

        L = CE(y, p(x)) + alpha(t) * mean(CE(argmax p(u), p(u)))
        alpha = 0 up to T1, weight from T2 on, linear in between

    The strong view is not used.

    Args:
        weight: Final weight of the unlabeled faces, alpha_f; 3 in the paper.
        ramp: T1 and T2 as fractions of the training, its warm start included.
        kwargs: Options of :class:`BaseMethod`.
    """

    # Their own loss trains them.
    weak_views_only_label = False

    def __init__(
        self,
        weight: float = 3.0,
        ramp: tuple[float, float] = (0.1, 0.6),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.weight = weight
        self.ramp = ramp

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak = predict(network, batch.faces, batch.weak[0])
        targets = pseudo_labels(weak, 'argmax')
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=self.alpha(iteration)
            * F.cross_entropy(weak, targets),
        )
        return MethodResult(losses, weak.detach(), targets)

    def alpha(self, iteration: int) -> float:
        """Return the weight of the unlabeled faces in an iteration."""
        begin, end = self.ramp
        progress = (iteration / self.max_iters - begin) / (end - begin)
        return self.weight * min(max(progress, 0.0), 1.0)
