from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import masked_cross_entropy, pseudo_labels
from .base_method import (
    BaseMethod,
    MethodBatch,
    MethodResult,
    mean_over_faces,
)


@TASK_UTILS.register_module()
class SoftMatch(BaseMethod):
    """SoftMatch (Chen et al., ICLR 2023, arXiv 2301.10921).

    Instead of a threshold, a face has a weight, a Gaussian of its confidence,
    truncated at the mean confidence::

        L_u = mean(weight(u) * CE(argmax q, p_s)), q = p(weak view)
        weight(u) = exp(-min(u - mu, 0)^2 / (2 * var / num_sigmas^2))

    The confidence u is that of an aligned prediction, in which all classes are
    equally frequent, so that rare classes get higher weights; the pseudo-label
    is that of q itself::

        u = max normalized(q / m)

    m, mu and var are moving averages of the mean of q and of the mean and the
    unbiased variance of u. They include the current batch. At first, m is the
    mean of the first batch, mu = 1 / C and var = 1.

    The log counts a face as confident if its weight is 1, that is, if u >= mu.

    Args:
        weight: Factor of L_u.
        momentum: Momentum of the moving averages.
        num_sigmas: Number by which the standard deviation is divided.
        kwargs: Options of :class:`BaseMethod`.
    """

    def __init__(
        self,
        weight: float = 1.0,
        momentum: float = 0.999,
        num_sigmas: float = 2.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.weight = weight
        self.momentum = momentum
        self.num_sigmas = num_sigmas
        # Zeros stand for no batch yet.
        self.register_buffer('mean_probs', torch.zeros(self.num_classes))
        self.register_buffer('mu', torch.tensor(1 / self.num_classes))
        self.register_buffer('var', torch.tensor(1.0))

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        targets = pseudo_labels(weak, 'argmax')
        confidence = self.align(weak.softmax(dim=1)).amax(dim=1)
        self.learn_gaussian(confidence)
        weights = self.weights(confidence)
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=self.weight
            * masked_cross_entropy(strong, targets, weights),
        )
        return MethodResult(losses, weak, targets, confidence >= self.mu)

    def align(self, probs: Tensor) -> Tensor:
        """Update m, and align probabilities (M, C) with equal classes."""
        mean = mean_over_faces(probs)
        average = self.mean_probs.lerp(mean, 1 - self.momentum)
        is_first = self.mean_probs.sum() == 0
        self.mean_probs.copy_(torch.where(is_first, mean, average))
        aligned = probs / (self.mean_probs + 1e-6)
        return aligned / aligned.sum(dim=1, keepdim=True)

    def learn_gaussian(self, confidence: Tensor) -> None:
        """Update mu and var with the confidence of faces, (M,)."""
        values = torch.cat(all_gather(confidence))
        var = values.var(unbiased=len(values) > 1)
        self.mu.lerp_(values.mean(), 1 - self.momentum)
        self.var.lerp_(var, 1 - self.momentum)

    def weights(self, confidence: Tensor) -> Tensor:
        """Compute the weights of faces, (M,), at most 1."""
        below = (confidence - self.mu).clamp(max=0)
        return torch.exp(-(below**2) * self.num_sigmas**2 / (2 * self.var))
