from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import masked_cross_entropy
from .base_method import MethodBatch, MethodResult, mean_over_faces
from .fixmatch import FixMatch


@TASK_UTILS.register_module()
class SimPro(FixMatch):
    """SimPro: the class prior of the unlabeled faces in label and loss.

    After Du et al., ICML 2024 (arXiv 2402.13505), for balanced labeled faces.
    The logits z of the network are then those of balanced classes. The
    unlabeled faces have another prior pi, which is unknown and is estimated
    along with the network. By Bayes' rule their class probabilities are
    softmax(z + log pi), both in the pseudo-label and in the loss::

        q = softmax(z_w + log pi)
        L_u = mean(1[max q >= threshold] * CE(argmax q, z_s + log pi))
        pi <- momentum * pi + (1 - momentum) * mean(q)

    Thus a face that might be neutral or fear is labeled neutral, as most faces
    are, but the network does not learn from it that most faces are neutral.

    The authors' labeled faces are not balanced. In their code, the prior in
    the loss is therefore that of labeled and confident unlabeled faces
    together, the loss of the labeled faces has it, too, and it is updated
    after every 500 iterations, from the confident faces.

    Args:
        threshold: Minimum confidence. The authors have 0.95 or 0.2; 0 counts
            every face.
        momentum: Momentum of the moving average of pi.
        kwargs: Options of :class:`FixMatch`.
    """

    def __init__(
        self,
        threshold: float = 0.95,
        momentum: float = 0.99,
        **kwargs,
    ) -> None:
        super().__init__(threshold=threshold, **kwargs)
        self.momentum = momentum
        uniform = torch.full((self.num_classes,), 1 / self.num_classes)
        self.register_buffer('prior', uniform)

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        # A class that is never seen must remain possible.
        bias = self.prior.clamp(min=1e-3).log()
        logits = weak + bias
        probs = logits.softmax(dim=1)
        targets = self.targets(logits)
        confident = self.confident(logits, batch.indices, iteration)
        unsupervised = masked_cross_entropy(strong + bias, targets, confident)
        self.learn_prior(probs)
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=self.weight_at(iteration) * unsupervised,
        )
        return MethodResult(losses, logits, targets, confident)

    def learn_prior(self, probs: Tensor) -> None:
        """Move the prior toward the mean probabilities of faces, (M, C)."""
        self.prior.lerp_(mean_over_faces(probs), 1 - self.momentum)
