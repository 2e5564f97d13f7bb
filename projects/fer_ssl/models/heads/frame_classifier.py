from __future__ import annotations

import torch
from torch import nn


class FrameClassifier(nn.Module):
    """Logits of every frame from what the encoder gives.

    Args:
        in_channels: Width E of the encoder.
        num_outputs: Number C of logits.
        hidden_channels: Width of a hidden layer with batch normalisation and
            without a non-linearity, 256 in paper B's code. None has none.
        dropout: Probability, at the input.
    """

    def __init__(
        self,
        in_channels: int,
        num_outputs: int,
        hidden_channels: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = None
        if hidden_channels:
            self.hidden = nn.Linear(in_channels, hidden_channels)
            self.norm = nn.BatchNorm1d(hidden_channels)
        self.fc = nn.Linear(hidden_channels or in_channels, num_outputs)

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """(N, T, E), valid bool (N, T) -> logits (N, T, C).

        With several streams, valid is (N, T, S); one of them is enough.
        """
        if valid.dim() == 3:
            valid = valid.any(dim=-1)
        x = self.dropout(x)
        if self.hidden is not None:
            x = self._normalised(self.hidden(x), valid)
        return self.fc(x)

    def _normalised(self, x: torch.Tensor, valid: torch.Tensor):
        """Statistics are those of the valid frames alone."""
        y = torch.zeros_like(x)
        frames = x[valid]
        # One frame has no variance, and PyTorch refuses it.
        if self.training and len(frames) > 1:
            frames = self.norm(frames)
        else:
            frames = nn.functional.batch_norm(
                frames,
                self.norm.running_mean,
                self.norm.running_var,
                self.norm.weight,
                self.norm.bias,
                eps=self.norm.eps,
            )
        y[valid] = frames
        return y
