from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn


class FrameCrossEntropy(nn.Module):
    """Cross-entropy of torch, with class weights that come from the config.

    With class weights it is the weighted mean of the frames, as in torch and
    in mmaction2. mmpretrain's loss of the same name divides by the number of
    frames instead of by the sum of their weights.

    Args:
        class_weight: Factor of each class, (C,).
        loss_weight: Factor of the loss.
    """

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        if class_weight is not None:
            class_weight = torch.tensor(class_weight, dtype=torch.float32)
        # Not persistent: it comes from the config, not from the checkpoint.
        self.register_buffer('class_weight', class_weight, persistent=False)

    def forward(
        self, logits: torch.Tensor, labels: torch.Tensor, **kwargs
    ) -> torch.Tensor:
        """Compute the loss of logits (n, C) and labels (n,), a scalar.

        Args:
            logits: Logits of the frames.
            labels: Class of each frame, int64.
            kwargs: Arguments of :func:`torch.nn.functional.cross_entropy`.
        """
        loss = F.cross_entropy(
            logits, labels, weight=self.class_weight, **kwargs
        )
        return self.loss_weight * loss
