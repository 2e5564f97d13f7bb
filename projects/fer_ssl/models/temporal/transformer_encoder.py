from __future__ import annotations

import math

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn


def sinusoidal_positions(
    length: int, dims: int, device: torch.device | None = None
) -> torch.Tensor:
    """Return the fixed positional encoding of arXiv:1706.03762, section 3.5.

    Args:
        length: Number of positions.
        dims: Width of the encoding; even.
        device: Device of the result.

    Returns:
        (length, dims), float32.
    """
    position = torch.arange(length, device=device, dtype=torch.float32)
    exponent = torch.arange(0, dims, 2, device=device, dtype=torch.float32)
    angle = position[:, None] * torch.exp(exponent * (-math.log(1e4) / dims))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


@MODELS.register_module()
class TransformerEncoder(BaseModule):
    """Self-attention over the frames of a clip (paper A, section 3.4).

    A linear projection and an optional positional encoding come before the
    layers. The paper does not state any sizes. The defaults are pre-norm
    layers, as is common today; paper B's code has ``feedforward_dims=512,
    activation='relu'``, post-norm, and neither positions nor a mask.

    Args:
        in_channels: Width D of the frame features.
        embed_dims: Width E of the layers and of the output; even.
        num_layers: Number of layers.
        num_heads: Number of attention heads; must divide ``embed_dims``.
        dropout: Dropout probability inside the layers and after the
            projection.
        positional_encoding: Whether to add the frames' positions in the clip.
        feedforward_dims: Width of the feed-forward layers, 4 E by default.
        activation: ``'gelu'`` or ``'relu'``.
        norm_first: Normalize before attention and feed-forward, and once
            after the last layer. ``False`` normalizes after each of them.
        mask_invalid: Attend to valid frames only. ``False`` attends to all
            frames, with zero vectors as features of the invalid ones; padding
            a clip then changes its output.
        skip_invalid: Compute the valid frames only. Their output is the same,
            and that of the others zero; it is faster if most frames are
            invalid, as in sparse annotations.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int = 256,
        num_layers: int = 4,
        num_heads: int = 4,
        dropout: float = 0.1,
        positional_encoding: bool = True,
        feedforward_dims: int | None = None,
        activation: str = 'gelu',
        norm_first: bool = True,
        mask_invalid: bool = True,
        skip_invalid: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if embed_dims % 2 or embed_dims % num_heads:
            raise ValueError(
                f'embed_dims={embed_dims} must be even and a multiple of '
                f'num_heads={num_heads}.'
            )
        if skip_invalid and not mask_invalid:
            raise ValueError(
                'skip_invalid=True leaves out frames that mask_invalid=False '
                'attends to: set one of the two.'
            )
        self.embed_dims = embed_dims
        self.positional_encoding = positional_encoding
        self.mask_invalid = mask_invalid
        self.skip_invalid = skip_invalid
        self.projection = nn.Linear(in_channels, embed_dims)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                embed_dims,
                num_heads,
                dim_feedforward=feedforward_dims or 4 * embed_dims,
                dropout=dropout,
                activation=activation,
                batch_first=True,
                norm_first=norm_first,
            ),
            num_layers,
            norm=nn.LayerNorm(embed_dims) if norm_first else None,
            enable_nested_tensor=False,
        )

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Encode clips.

        Args:
            x: Frame features, (N, T, D).
            valid: Frames that the others may attend to, bool (N, T): not
                padding and with a face.

        Returns:
            (N, T, E), finite everywhere, but of use at valid frames only.
        """
        # Zeros, because NaN at an invalid frame would survive an attention
        # weight of 0.
        x = x.masked_fill(~valid[..., None], 0)
        length = x.size(1)
        if self.skip_invalid:
            # The valid frames come first, in their order.
            num_kept = max(int(valid.sum(dim=1).max()), 1)
            kept = (~valid).long().argsort(dim=1, stable=True)[:, :num_kept]
            x = x.gather(1, kept[..., None].expand(-1, -1, x.size(-1)))
            valid = valid.gather(1, kept)
        x = self.projection(x)
        if self.positional_encoding:
            positions = sinusoidal_positions(length, self.embed_dims, x.device)
            x = x + (positions[kept] if self.skip_invalid else positions)
        masked = None
        if self.mask_invalid:
            # Softmax over no key at all is NaN. In a clip without any valid
            # frame all frames attend to each other, and the result is not
            # used.
            masked = ~valid & valid.any(dim=1, keepdim=True)
        x = self.layers(self.dropout(x), src_key_padding_mask=masked)
        if not self.skip_invalid:
            return x
        place = kept[..., None].expand_as(x)
        x = x.masked_fill(~valid[..., None], 0)
        return x.new_zeros(len(x), length, self.embed_dims).scatter(
            1, place, x
        )
