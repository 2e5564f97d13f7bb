from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn
from torch.nn.utils.parametrizations import weight_norm


class TemporalBlock(nn.Module):
    """Two dilated convolutions with a residual (arXiv:1803.01271, Fig. 1b).

    The convolutions have weight normalization and are followed by PReLU and
    dropout, as in the code of paper B.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Number of frames in the kernel of a convolution.
        dilation: Distance between two of these frames.
        causal: Look only at the past, or else equally at both sides.
        dropout: Dropout probability after each convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int,
        causal: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        reach = (kernel_size - 1) * dilation
        past = reach if causal else reach // 2
        self.padding = past, reach - past
        self.convs = nn.ModuleList(
            weight_norm(
                nn.Conv1d(width, out_channels, kernel_size, dilation=dilation)
            )
            for width in (in_channels, out_channels)
        )
        self.activations = nn.ModuleList(nn.PReLU() for _ in self.convs)
        self.dropout = nn.Dropout(dropout)
        self.residual = nn.Identity()
        if in_channels != out_channels:
            self.residual = nn.Conv1d(in_channels, out_channels, 1)
        self.output = nn.PReLU()

    def forward(self, x: torch.Tensor, invalid: torch.Tensor) -> torch.Tensor:
        """Map x (N, C, T), invalid bool (N, 1, T), to (N, out_channels, T)."""
        y = x
        for conv, activation in zip(self.convs, self.activations):
            # Zeros at invalid frames, like the padding beyond the ends of the
            # clip, so that these frames do not affect any other.
            y = F.pad(y.masked_fill(invalid, 0), self.padding)
            y = self.dropout(activation(conv(y)))
        return self.output(y + self.residual(x))


@MODELS.register_module()
class TCN(BaseModule):
    """Temporal convolutional network over the frames of a clip.

    One :class:`TemporalBlock` per entry of ``channels``, with dilation 1, 2,
    4, ... The defaults are those of paper B's code, except for ``causal``,
    which is True there but not mentioned in the paper.

    Args:
        in_channels: Width D of the frame features.
        channels: Width after each block; the last is ``embed_dims``.
        kernel_size: Number of frames in the kernel of a convolution.
        dropout: Dropout probability after each convolution.
        causal: Look only at the past.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int] = (768, 256, 128),
        kernel_size: int = 5,
        dropout: float = 0.3,
        causal: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.embed_dims = channels[-1]
        self.blocks = nn.ModuleList(
            TemporalBlock(before, after, kernel_size, 2**i, causal, dropout)
            for i, (before, after) in enumerate(
                zip((in_channels, *channels), channels)
            )
        )
        #: Frames that one output depends on: 57 with the defaults.
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (
            2 ** len(channels) - 1
        )

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Encode clips.

        Args:
            x: Frame features, (N, T, D).
            valid: Frames that exist and have a face, bool (N, T).

        Returns:
            (N, T, E), zero at invalid frames.
        """
        invalid = ~valid[:, None]
        x = x.transpose(1, 2).masked_fill(invalid, 0)
        for block in self.blocks:
            x = block(x, invalid)
        return x.masked_fill(invalid, 0).transpose(1, 2)
