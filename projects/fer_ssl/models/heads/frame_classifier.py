from __future__ import annotations

import torch
from torch import nn


class FrameClassifier(nn.Module):
    """Classifier of every frame on top of the temporal encoder.

    Args:
        in_channels: Width E of the encoder.
        num_outputs: Number C of logits.
        hidden_channels: Width of a hidden layer with batch normalization and
            without a nonlinearity, 256 in paper B's code. ``None`` for no
            hidden layer.
        dropout: Dropout probability at the input.
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
        """Compute logits (N, T, C) of encoded frames (N, T, E).

        Args:
            x: Output of the encoder, (N, T, E).
            valid: Valid frames, bool (N, T), or bool (N, T, S) with S
                streams, where one valid stream is enough.
        """
        if valid.dim() == 3:
            valid = valid.any(dim=-1)
        x = self.dropout(x)
        if self.hidden is not None:
            x = self._normalize(self.hidden(x), valid)
        return self.fc(x)

    def _normalize(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Normalize by the statistics of the valid frames only."""
        if not self.training:
            return self._by_running_statistics(x).masked_fill(
                ~valid[..., None], 0
            )
        y = torch.zeros_like(x)
        frames = x[valid]
        # A single frame has no variance: PyTorch raises an error for it.
        if len(frames) > 1:
            y[valid] = self.norm(frames)
        else:
            y[valid] = self._by_running_statistics(frames)
        return y

    def _by_running_statistics(self, x: torch.Tensor) -> torch.Tensor:
        frames = nn.functional.batch_norm(
            x.flatten(0, -2),
            self.norm.running_mean,
            self.norm.running_var,
            self.norm.weight,
            self.norm.bias,
            eps=self.norm.eps,
        )
        return frames.view_as(x)
