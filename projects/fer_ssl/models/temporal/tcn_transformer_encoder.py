from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS


@MODELS.register_module()
class TCNTransformerEncoder(BaseModule):
    """Temporal convolutions followed by self-attention (paper B, section 3).

    Args:
        in_channels: Width D of the frame features.
        tcn: Options of :class:`TCN`, or the config of another encoder.
        transformer: Options of :class:`TransformerEncoder`, whose projection
            widens the output of the convolutions, or the config of another
            encoder.

    Example:
        >>> encoder = dict(
        ...     type='TCNTransformerEncoder',
        ...     in_channels=768,
        ...     tcn=dict(channels=(768, 256, 128)),
        ...     transformer=dict(embed_dims=512, num_layers=8, num_heads=4),
        ... )
    """

    def __init__(
        self,
        in_channels: int,
        tcn: dict | None = None,
        transformer: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        tcn = dict(type='TCN') | (tcn or {})
        self.tcn = MODELS.build(dict(tcn, in_channels=in_channels))
        transformer = dict(type='TransformerEncoder') | (transformer or {})
        self.transformer = MODELS.build(
            dict(transformer, in_channels=self.tcn.embed_dims)
        )
        self.embed_dims = self.transformer.embed_dims

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Encode frame features (N, T, D), valid bool (N, T), to (N, T, E)."""
        return self.transformer(self.tcn(x, valid), valid)
