from __future__ import annotations

import torch
from mmengine.registry import MODELS
from torch import nn


@MODELS.register_module()
class ConcordanceLoss(nn.Module):
    """1 - CCC, summed over the columns (paper B, section 3).

    CCC = 2 s_tp / (s_t^2 + s_p^2 + (m_t - m_p)^2) with population statistics
    in float64, which is what the challenge scores. If the truth is constant,
    the CCC is 0 and has no gradient.

    Args:
        per: ``'batch'`` computes one CCC over all frames of the batch, as in
            paper B's code; ``'sequence'`` averages one CCC per clip.
    """

    def __init__(self, per: str = 'batch') -> None:
        super().__init__()
        if per not in ('batch', 'sequence'):
            raise ValueError(f"per={per!r} is neither 'batch' nor 'sequence'.")
        self.per = per

    def forward(
        self,
        predicted: torch.Tensor,
        truth: torch.Tensor,
        known: torch.Tensor,
    ) -> torch.Tensor:
        """Compute the loss of a batch of clips.

        Args:
            predicted: Predictions, (N, T, C), finite also at frames that do
                not count.
            truth: Ground truth, (N, T, C).
            known: Frames that count, bool (N, T), at least one.

        Returns:
            Scalar in [0, 2 C].
        """
        predicted, truth = predicted.double(), truth.double()
        if self.per == 'batch':
            predicted, truth, known = (
                x.flatten(0, 1)[None] for x in (predicted, truth, known)
            )
        weight = known[..., None].double()
        weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1)

        def mean(x: torch.Tensor) -> torch.Tensor:
            return (weight * x).sum(dim=1, keepdim=True)  # (N, 1, C)

        # Deviations first: E[x^2] - E[x]^2 would cancel digits.
        shift = mean(predicted) - mean(truth)
        square = mean(truth**2)
        predicted = predicted - mean(predicted)
        truth = truth - mean(truth)
        # Rounding of the mean must not pass for an annotation that varies.
        truth = truth.masked_fill(mean(truth**2) < 1e-24 * square, 0)
        denominator = mean(predicted**2) + mean(truth**2) + shift**2
        # 0 if truth and prediction are the same constant, as the covariance.
        denominator = denominator.masked_fill(denominator == 0, 1)
        ccc = 2 * mean(predicted * truth) / denominator
        losses = (1 - ccc).sum(dim=(1, 2))  # (N,)
        return losses[known.any(dim=1)].mean().float()
