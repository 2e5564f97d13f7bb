from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..feedback.probes import frozen_running_statistics
from ..pseudo_labels import masked_cross_entropy, pseudo_labels
from .base_method import BaseMethod, MethodBatch, MethodResult, predict


@TASK_UTILS.register_module()
class AdaMatch(BaseMethod):
    """AdaMatch (Berthelot et al., ICLR 2022, arXiv 2106.04732).

    A method for labeled and unlabeled faces of different domains. It differs
    from :class:`FixMatch` in four points:

    1. Random logit interpolation. The labeled faces pass the network twice,
       together with the unlabeled faces, z, and alone, z', where BatchNorm has
       the statistics of the labeled faces only. Their logits are a random
       point between the two, with an independent r in [0, 1) for each face
       and class: z + r * (z' - z). The pass alone does not update the running
       statistics of BatchNorm.
    2. Distribution alignment. The predictions q for the weak view of the
       unlabeled faces are multiplied by the ratio of the mean predictions for
       labeled and unlabeled faces, and normalized.
    3. Relative threshold. A face is confident if its aligned probability
       reaches ``threshold`` times the mean confidence of the labeled faces of
       the batch.
    4. The weight of the unsupervised loss grows::

        q <- normalized(q * p_labeled / p_unlabeled)
        c = threshold * mean(max p(x_w))
        L_u = mean(1[max q >= c] * CE(argmax q, p_s))
        L = (CE(y, p(x_w)) + CE(y, p(x_s))) / 2 + alpha(t) * L_u
        alpha(t) = weight * (1 - cos(pi * min(t / ramp, 1))) / 2

    p_labeled is a moving average with ``momentum``, p_unlabeled the mean over
    the last ``window`` batches. Both include the current batch and are uniform
    at first. The predictions for labeled faces are those of the interpolated
    logits of their weak view, x_w. The alignment assumes that the classes are
    as frequent in the labeled batches as in the unlabeled data.

    Args:
        threshold: Factor of the relative threshold, tau.
        weight: Final weight of L_u.
        ramp: Fraction of the training, after the warm start, over which the
            weight grows.
        momentum: Momentum of p_labeled.
        window: Number of batches of p_unlabeled.
        kwargs: Options of :class:`BaseMethod`.
    """

    labeled_views = ('weak', 'strong')

    def __init__(
        self,
        threshold: float = 0.9,
        weight: float = 1.0,
        ramp: float = 0.5,
        momentum: float = 0.999,
        window: int = 128,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold
        self.weight = weight
        self.ramp = ramp
        self.momentum = momentum
        uniform = torch.full((self.num_classes,), 1 / self.num_classes)
        self.register_buffer('labeled_prior', uniform)
        # Mean predictions of the last batches, the current one last.
        self.register_buffer('recent', uniform.repeat(window, 1))

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        with frozen_running_statistics(network):
            (alone,) = predict(network, batch.faces)
        labeled = labeled + (alone - labeled) * torch.rand_like(labeled)
        labeled_probs, _ = labeled.detach().softmax(dim=1).chunk(2)
        aligned = self.align(labeled_probs, weak.softmax(dim=1))
        confidence = labeled_probs.amax(dim=1).mean()
        all_reduce(confidence, op='mean')
        confident = aligned.amax(dim=1) >= self.threshold * confidence
        logits = aligned.log()
        targets = pseudo_labels(logits, 'argmax')
        losses = dict(
            # The mean over both views.
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=self.alpha(iteration)
            * masked_cross_entropy(strong, targets, confident),
        )
        return MethodResult(losses, logits, targets, confident)

    def align(self, labeled: Tensor, unlabeled: Tensor) -> Tensor:
        """Update both priors, and align probabilities.

        Args:
            labeled: Probabilities of the labeled faces, (N, C).
            unlabeled: Probabilities of the unlabeled faces, (M, C).

        Returns:
            Aligned probabilities of the unlabeled faces, (M, C).
        """
        means = torch.stack([x.mean(dim=0) for x in (labeled, unlabeled)])
        all_reduce(means, op='mean')
        self.labeled_prior.lerp_(means[0], 1 - self.momentum)
        self.recent.copy_(torch.cat([self.recent[1:], means[1:]]))
        unlabeled_prior = self.recent.mean(dim=0)
        ratio = (self.labeled_prior + 1e-6) / (unlabeled_prior + 1e-6)
        return F.normalize(unlabeled * ratio, p=1.0, dim=1)

    def alpha(self, iteration: int) -> float:
        """Return the weight of L_u in an iteration."""
        done = self.ramp_up(iteration, self.ramp)
        return self.weight * (1 - math.cos(math.pi * done)) / 2
