from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import pseudo_labels
from .base_method import MethodBatch, MethodResult
from .fixmatch import FixMatch


@TASK_UTILS.register_module()
class SimPro(FixMatch):
    """SimPro: the class prior of the unlabeled faces in label and loss.

    Du et al., ICML 2024 (arXiv 2402.13505). The labeled faces are balanced, so
    the logits z of the network are those of balanced classes. The unlabeled
    faces have another prior pi, which is unknown and is estimated along with
    the network. By Bayes' rule their class probabilities are softmax(z + log
    pi), both in the pseudo-label and in the loss (Eq. 9 and 10 there)::

        q = softmax(z_w + log pi)
        L_u = mean(1[max q >= threshold] * CE(argmax q, z_s + log pi))
        pi <- momentum * pi + (1 - momentum) * mean(q)

    Thus a face that might be neutral or fear is labeled neutral, as most faces
    are, but the network does not learn from it that most faces are neutral.

    Args:
        threshold: Minimum confidence, 0.95 in the paper; 0 learns every face.
        pseudo_label: ``'argmax'`` or ``'soft'``, which learns the distribution
            q itself.
        momentum: Momentum of the moving average of pi.
        ramp: Fraction of the training, after the warm start, over which the
            weight of L_u grows from 0.
        kwargs: Options of :class:`FixMatch`.
    """

    def __init__(
        self,
        threshold: float = 0.95,
        pseudo_label: str = 'argmax',
        momentum: float = 0.99,
        ramp: float = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(threshold=threshold, **kwargs)
        self.pseudo_label = pseudo_label
        self.momentum = momentum
        self.ramp = ramp
        uniform = torch.full((self.num_classes,), 1 / self.num_classes)
        self.register_buffer('prior', uniform)

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        # A class that is never seen must remain possible.
        bias = self.prior.clamp(min=1e-3).log()
        logits = weak + bias
        probs = logits.softmax(dim=1)
        targets = pseudo_labels(logits, self.pseudo_label)
        confident = self.confident(logits, batch.indices, iteration)
        unsupervised = F.cross_entropy(
            strong + bias, targets, reduction='none'
        )
        weight = self.weight * self.ramp_up(iteration, self.ramp)
        self.learn_prior(probs)
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=weight * (unsupervised * confident).mean(),
        )
        return MethodResult(losses, logits, targets, confident)

    def learn_prior(self, probs: Tensor) -> None:
        """Move the prior toward the mean probabilities of faces, (M, C)."""
        mean = probs.mean(dim=0)
        all_reduce(mean, op='mean')
        self.prior.lerp_(mean, 1 - self.momentum)
