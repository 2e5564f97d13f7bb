from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.registry import TASK_UTILS
from torch import Tensor

from ..pseudo_labels import masked_cross_entropy
from .base_method import MethodBatch, MethodResult
from .fixmatch import FixMatch
from .freematch import SelfAdaptiveThreshold


@TASK_UTILS.register_module()
class NegativeLearning(FixMatch):
    """Dynamic thresholds; unconfident faces learn what they are not.

    It follows the outline of Cai et al., 2026 (arXiv 2601.05556), a method for
    facial expressions: class-balanced labeled faces, pseudo-labels of an
    averaged network, a dynamic threshold, and negative learning on the
    complementary labels of the faces below it. Only the abstract and summaries
    of that paper were at hand, so the equations are those of earlier papers
    and may differ from its own; its attention and its dropout of feature maps
    are parts of a backbone and not implemented.

    The thresholds are those of FreeMatch (Wang et al., ICLR 2023, arXiv
    2205.07246): running means of the confidence and of the class
    probabilities, which start at 1/C and include the current faces::

        tau <- momentum * tau + (1 - momentum) * mean(max q)
        pi  <- momentum * pi + (1 - momentum) * mean(q)
        T(c) = min(threshold, tau) * pi(c) / max pi

    A face with max q >= T(argmax q) learns its most likely class. Any other
    face learns complementary labels, the classes that q almost excludes, as in
    UPS (Rizve et al., ICLR 2021, arXiv 2101.06329), with the loss of NLNL (Kim
    et al., ICCV 2019, arXiv 1908.07387)::

        N = {c: q(c) <= max_negative}
        L_n = mean(1[not confident] * mean_{c in N} -log(1 - p_s(c)))
        L = CE(y, p(x)) + weight * L_u + negative_weight * L_n

    with L_u of :class:`FixMatch`. Both means are over all unlabeled faces; a
    face without complementary labels counts as 0.

    Args:
        threshold: Upper limit of the thresholds. FreeMatch has it as an
            option; 1 is no limit.
        max_negative: Maximum probability of a complementary label, tau_n in
            UPS.
        negative_weight: Factor of the negative loss.
        momentum: Momentum of the running means.
        teacher: See :class:`BaseMethod`.
        kwargs: Options of :class:`FixMatch`.
    """

    def __init__(
        self,
        threshold: float = 0.95,
        max_negative: float = 0.05,
        negative_weight: float = 1.0,
        momentum: float = 0.999,
        teacher: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(threshold=threshold, teacher=teacher, **kwargs)
        self.max_negative = max_negative
        self.negative_weight = negative_weight
        self.adaptive = SelfAdaptiveThreshold(
            self.num_classes, momentum, maximum=threshold
        )

    def loss(self, network, batch: MethodBatch, iteration: int):
        labeled, weak, strong = self.predict_views(network, batch)
        probs = weak.softmax(dim=1)
        targets = self.targets(weak)
        supervised = self.supervised_loss(labeled, batch.labels, iteration)
        self.adaptive.learn(probs)
        confident = self.adaptive.passed(probs)
        positive = masked_cross_entropy(strong, targets, confident)
        negatives = (probs <= self.max_negative) & ~confident[:, None]
        negative = (complement_loss(strong) * negatives).sum(dim=1)
        negative = negative / negatives.sum(dim=1).clamp(min=1)
        losses = dict(
            loss_supervised=supervised,
            loss_unsupervised=self.weight_at(iteration) * positive,
            loss_negative=self.negative_weight * negative.mean(),
        )
        return MethodResult(losses, weak, targets, confident)


def complement_loss(logits: Tensor) -> Tensor:
    """Compute -log(1 - p) of every class, (M, C), from logits (M, C).

    It is log(1 + exp(z_c) / sum_{k != c} exp(z_k)), which is finite and has a
    gradient even where p rounds to 1.
    """
    own = torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device)
    others = logits[:, None].masked_fill(own, -torch.inf).logsumexp(dim=2)
    return F.softplus(logits - others)
