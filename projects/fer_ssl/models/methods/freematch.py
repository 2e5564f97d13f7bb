from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.registry import TASK_UTILS
from torch import Tensor, nn

from ..pseudo_labels import masked_cross_entropy, pseudo_labels
from .base_method import (
    BaseMethod,
    MethodBatch,
    MethodResult,
    mean_over_faces,
)


class SelfAdaptiveThreshold(nn.Module):
    """Threshold of each class that rises with the confidence of the network.

    See :class:`FreeMatch`, Eq. 5 to 8 there.

    Args:
        num_classes: Number C of classes.
        momentum: Momentum of the moving averages.
        maximum: Maximum of tau.
    """

    def __init__(
        self, num_classes: int, momentum: float, maximum: float = 1.0
    ) -> None:
        super().__init__()
        self.momentum = momentum
        self.maximum = maximum
        uniform = torch.full((num_classes,), 1 / num_classes)
        self.register_buffer('confidence', uniform[0].clone())
        self.register_buffer('mean_probs', uniform)

    def learn(self, probs: Tensor) -> None:
        """Move the averages toward the means of probabilities (M, C)."""
        # The confidence as one more column, for a single reduction.
        values = torch.cat([probs, probs.amax(dim=1, keepdim=True)], dim=1)
        means = mean_over_faces(values)
        self.mean_probs.lerp_(means[:-1], 1 - self.momentum)
        self.confidence.lerp_(means[-1], 1 - self.momentum)

    def of_classes(self) -> Tensor:
        """Compute the threshold of each class, (C,)."""
        tau = self.confidence.clamp(max=self.maximum)
        return tau * self.mean_probs / self.mean_probs.amax()

    def passed(self, probs: Tensor) -> Tensor:
        """Return which probabilities (M, C) reach that of their class."""
        confidence, label = probs.max(dim=1)
        return confidence >= self.of_classes()[label]


@TASK_UTILS.register_module()
class FreeMatch(BaseMethod):
    """FreeMatch (Wang et al., ICLR 2023, arXiv 2205.07246).

    A face is confident if its probability reaches the threshold of its class,
    which rises with the confidence of the network. With moving averages over
    the batches, each 1 / C at first, and q = p(weak view)::

        tau <- momentum * tau + (1 - momentum) * mean(max q)
        m <- momentum * m + (1 - momentum) * mean(q)
        h <- momentum * h + (1 - momentum) * histogram(argmax q)
        T(c) = tau * m(c) / max m
        L_u = mean(1[max q >= T(argmax q)] * CE(argmax q, p_s))

    (Eq. 5 to 8 and 10 there.) The averages include the current batch. The
    fairness loss (Eq. 9 and 11) is the negative cross-entropy between the
    class probabilities that were observed so far and those of the confident
    faces, each divided by the frequency of the class as a label::

        L_f = sum_c a(c) * log b(c)
        a = normalized(m / h), b = normalized(m_s / h_s)

    with m_s the mean of p_s over the confident faces, and h_s the histogram
    of argmax p_s over them. Only m_s has a gradient. Classes with h_s = 0
    have none and are left out of the sum.

    Args:
        weight: Factor of L_u, w_u.
        fairness_weight: Factor of L_f, w_f.
        momentum: Momentum of the moving averages, lambda.
        kwargs: Options of :class:`BaseMethod`.
    """

    def __init__(
        self,
        weight: float = 1.0,
        fairness_weight: float = 0.01,
        momentum: float = 0.999,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.weight = weight
        self.fairness_weight = fairness_weight
        self.momentum = momentum
        # tau and m.
        self.threshold = SelfAdaptiveThreshold(self.num_classes, momentum)
        uniform = torch.full((self.num_classes,), 1 / self.num_classes)
        self.register_buffer('histogram', uniform)

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        targets = pseudo_labels(weak, 'argmax')
        probs = weak.softmax(dim=1)
        self.threshold.learn(probs)
        self.histogram.lerp_(mean_over_faces(targets), 1 - self.momentum)
        confident = self.threshold.passed(probs)
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=self.weight
            * masked_cross_entropy(strong, targets, confident),
            loss_fairness=self.fairness_weight
            * self.fairness_loss(strong, confident),
        )
        return MethodResult(losses, weak, targets, confident)

    def fairness_loss(self, strong: Tensor, confident: Tensor) -> Tensor:
        """Compute L_f of the logits (M, C) of the strong view."""
        selected = confident[:, None].to(strong.dtype)
        mean = _sum_over_ranks((strong.softmax(dim=1) * selected).sum(dim=0))
        count = (pseudo_labels(strong, 'argmax') * selected).sum(dim=0)
        all_reduce(count)
        found = count > 0
        actual = torch.where(found, mean / count.clamp(min=1), 0.0)
        actual = actual / actual.sum().clamp(min=1e-12)
        expected = self.threshold.mean_probs / self.histogram.clamp(min=1e-12)
        expected = expected / expected.sum()
        return (expected * actual.clamp(min=1e-12).log() * found).sum()


def _sum_over_ranks(values: Tensor) -> Tensor:
    """Sum values over the ranks, with the gradient of this rank's part."""
    total = values.detach().clone()
    all_reduce(total)
    # DDP averages the gradients of the ranks rather than summing them.
    return total + get_world_size() * (values - values.detach())
