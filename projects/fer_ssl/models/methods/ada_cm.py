from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmengine.registry import TASK_UTILS
from torch import Tensor, nn

from ..pseudo_labels import masked_cross_entropy
from ..unwrapped import unwrapped
from .base_method import BaseMethod, MethodBatch, MethodResult, predict


@TASK_UTILS.register_module()
class AdaCM(BaseMethod):
    """Adaptive confidence margin (Li et al., CVPR 2022, arXiv 2203.12341).

    A method for facial expressions. The pseudo-label is the mode of the mean
    prediction of two weak views. A face is confident if the label's
    probability reaches the margin of its class; then the strong view learns
    the label. A contrastive loss pulls the features of the two weak views of
    all other faces together::

        L = 0.5 * CE(y, p(x)) + mean(1[confident] * CE(label, p_s))
            + 0.1 * L_contrast

    The margin of a class is learned from the labeled faces: after each pass
    over them, it is the mean probability of those that were classified
    correctly, times ``factor`` / (1 + exp(-pass)), but at least
    ``min_margin``. If no face of a class was classified correctly, its margin
    is ``min_margin``.

    Args:
        supervised_weight: Factor of the supervised loss.
        contrastive_weight: Factor of the contrastive loss.
        temperature: Temperature of the contrastive loss.
        min_margin: Initial and minimum margin.
        factor: beta of the paper.
        kwargs: Options of :class:`BaseMethod`.
    """

    num_weak_views = 2
    weak_views_only_label = False  # they have a contrastive loss

    def __init__(
        self,
        supervised_weight: float = 0.5,
        contrastive_weight: float = 0.1,
        temperature: float = 0.07,
        min_margin: float = 0.8,
        factor: float = 0.97,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.supervised_weight = supervised_weight
        self.contrastive_weight = contrastive_weight
        self.temperature = temperature
        self.min_margin = min_margin
        self.factor = factor
        self.register_buffer(
            'margin', torch.full((self.num_classes,), min_margin)
        )
        # By class, over the correctly classified faces of the current pass:
        # their summed probabilities and their number.
        self.register_buffer('right', torch.zeros(2, self.num_classes))
        self.register_buffer('seen', torch.zeros((), dtype=torch.int64))
        self.register_buffer('passes', torch.zeros((), dtype=torch.int64))

    def loss(self, network, batch: MethodBatch, iteration: int):
        sets = (batch.faces, *batch.weak, batch.strong)
        with _Features(network) as features:
            labeled, first, second, strong = predict(network, *sets)
        _, *weak_features, _ = features.get().split([len(x) for x in sets])
        probs = (first.softmax(dim=1) + second.softmax(dim=1)).detach() / 2
        confidence, label = probs.max(dim=1)
        confident = confidence >= self.margin[label]
        # After the margins were read: they come from earlier iterations.
        self.learn_margin(labeled.detach(), batch.labels)
        targets = F.one_hot(label, self.num_classes).to(probs.dtype)
        contrastive = contrastive_loss(
            *(x[~confident] for x in weak_features), self.temperature
        )
        losses = dict(
            loss_supervised=self.supervised_weight
            * F.cross_entropy(labeled, batch.labels),
            loss_unsupervised=masked_cross_entropy(strong, targets, confident),
            loss_contrastive=self.contrastive_weight * contrastive,
        )
        return MethodResult(losses, probs.log(), targets, confident)

    def learn_margin(self, logits: Tensor, labels: Tensor) -> None:
        """Count labeled faces, and set the margins after a pass over them.

        Args:
            logits: Logits of the labeled faces, (N, C), without gradient.
            labels: Their labels, (N,), or distributions, (N, C).
        """
        if labels.dim() > 1:
            labels = labels.argmax(dim=1)
        confidence, label = logits.softmax(dim=1).max(dim=1)
        correct = label == labels
        one_hot = F.one_hot(labels, self.num_classes) * correct[:, None]
        parts = confidence[:, None] * one_hot, one_hot
        sums = torch.stack([part.sum(dim=0) for part in parts])
        all_reduce(sums)
        self.right += sums
        self.seen += len(labels) * get_world_size()
        if self.seen < self.num_labeled:
            return
        self.passes += 1
        factor = self.factor / (1 + math.exp(-int(self.passes)))
        mean = self.right[0] / self.right[1].clamp(min=1)
        self.margin.copy_((factor * mean).clamp(min=self.min_margin))
        self.right.zero_()
        self.seen.zero_()


def contrastive_loss(first: Tensor, second: Tensor, temperature: float):
    """Compute InfoNCE between two views of the same faces.

    Each of the 2K features has to find that of its other view among the
    2K - 1 others.

    Args:
        first: Features of one view, (K, D); K may be 0.
        second: Features of the other view, (K, D).
        temperature: Temperature of the cosine similarities.

    Returns:
        Mean over the 2K features, a scalar.
    """
    count = len(first)
    if not count:
        return first.sum() + second.sum()  # 0, but with a graph for DDP
    features = F.normalize(torch.cat([first, second]).float(), dim=1)
    # bfloat16 is too coarse for cosines near 1 divided by 0.07.
    with torch.autocast(features.device.type, enabled=False):
        similarity = features @ features.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    other = torch.arange(2 * count, device=first.device).roll(count)
    return F.cross_entropy(similarity, other)


class _Features:
    """Captures the features (N, D) that the head of a classifier receives.

    A hook takes them during the forward pass, since DDP supports only one
    pass per iteration.
    """

    def __init__(self, network: nn.Module) -> None:
        self.head = unwrapped(network).head

    def __enter__(self) -> _Features:
        self.handle = self.head.register_forward_pre_hook(self._keep)
        return self

    def _keep(self, head: nn.Module, args: tuple) -> None:
        self.inputs = args[0]

    def __exit__(self, *_) -> None:
        self.handle.remove()

    def get(self) -> Tensor:
        return self.head.pre_logits(self.inputs)
