from __future__ import annotations

import torch
from mmengine.dist import all_gather
from mmengine.registry import TASK_UTILS
from torch import Tensor

from .fixmatch import FixMatch


@TASK_UTILS.register_module()
class FlexMatch(FixMatch):
    """FlexMatch (Zhang et al., 2021, arXiv 2110.08263).

    :class:`FixMatch` with one threshold per class, which is low as long as few
    faces have been learned as that class: curriculum pseudo-labeling. The
    method stores for each unlabeled face the last class that it had with a
    probability of at least the fixed threshold tau. With sigma(c) the number
    of faces of class c among all N::

        beta(c) = sigma(c) / max(max sigma, N - sum sigma)
        T(c) = tau * beta(c) / (2 - beta(c))

    The count of faces without a class in the denominator is the paper's
    warm-up. The thresholds of an iteration come from the iterations before.

    Args:
        kwargs: Options of :class:`FixMatch`.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        # Class of each unlabeled face, -1 before it has one.
        learned = torch.full((self.num_unlabeled,), -1, dtype=torch.int16)
        self.register_buffer('learned', learned)

    def confident(
        self, weak: Tensor, indices: Tensor, iteration: int
    ) -> Tensor:
        confidence, label = weak.softmax(dim=1).max(dim=1)
        confident = confidence >= self.thresholds()[label]
        learned = torch.where(confidence >= self.threshold, label, -1)
        learned = torch.cat(all_gather(learned))
        indices = torch.cat(all_gather(indices))
        has_class = learned >= 0
        self.learned[indices[has_class]] = learned[has_class].to(
            self.learned.dtype
        )
        return confident

    def thresholds(self) -> Tensor:
        """Compute the threshold T of each class, (C,)."""
        # The first bin counts the faces without a class.
        counts = torch.bincount(
            self.learned.int() + 1, minlength=self.num_classes + 1
        )
        beta = counts[1:] / counts.amax()
        return self.threshold * beta / (2 - beta)
