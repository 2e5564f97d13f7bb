from __future__ import annotations

import math

import torch.nn.functional as F
from mmengine.registry import TASK_UTILS

from .base_method import BaseMethod, MethodBatch, MethodResult


@TASK_UTILS.register_module()
class MeanTeacher(BaseMethod):
    """Mean Teacher (Tarvainen and Valpola, NeurIPS 2017, arXiv 1703.01780).

    The probabilities for the strong view approach those that the averaged
    network, the teacher, predicts for the weak view::

        L = CE(y, p(x)) + alpha(t) * mean((p_s - p_teacher(weak view))^2)
        alpha(t) = weight * exp(-5 * (1 - min(t / ramp, 1))^2)

    The mean is over faces and classes. The teacher gets no gradient. Unlike in
    the paper, the labeled faces have no consistency loss.

    Args:
        weight: Final weight of the unsupervised loss, 100 in the paper.
        ramp: Fraction of the training, after the warm start, over which the
            weight grows; the paper has 40,000 of 150,000 steps.
        teacher: Learn from the averaged network. ``False`` learns from the
            network itself.
        kwargs: Options of :class:`BaseMethod`.
    """

    def __init__(
        self,
        weight: float = 100.0,
        ramp: float = 0.25,
        teacher: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(teacher=teacher, **kwargs)
        self.weight = weight
        self.ramp = ramp

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        targets = weak.softmax(dim=1)
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=self.alpha(iteration)
            * F.mse_loss(strong.softmax(dim=1), targets),
        )
        return MethodResult(losses, weak, targets)

    def alpha(self, iteration: int) -> float:
        """Return the weight of the unsupervised loss in an iteration."""
        done = self.ramp_up(iteration, self.ramp)
        return self.weight * math.exp(-5 * (1 - done) ** 2)
