from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

_CELLS = {'LSTM': nn.LSTM, 'GRU': nn.GRU}


@MODELS.register_module()
class RecurrentEncoder(BaseModule):
    """LSTM or GRU over the frames of a clip.

    The state passes over an invalid frame unchanged, from both directions.

    Args:
        in_channels: Width D of the frame features.
        embed_dims: Width E at the output; even if ``bidirectional``, as each
            direction gives a half of it.
        num_layers: Number of layers.
        cell: ``'LSTM'`` or ``'GRU'``.
        bidirectional: Whether a frame knows its future too.
        dropout: Probability, between layers.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int = 256,
        num_layers: int = 1,
        cell: str = 'LSTM',
        bidirectional: bool = True,
        dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if cell not in _CELLS:
            raise ValueError(f'cell={cell!r} is none of {", ".join(_CELLS)}.')
        if bidirectional and embed_dims % 2:
            raise ValueError(
                f'embed_dims={embed_dims} must be even: each direction gives '
                'a half of it.'
            )
        self.embed_dims = embed_dims
        self.layers = _CELLS[cell](
            in_channels,
            embed_dims // 2 if bidirectional else embed_dims,
            num_layers,
            batch_first=True,
            dropout=dropout,
            bidirectional=bidirectional,
        )

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Encode clips.

        Args:
            x: Frame features, (N, T, D).
            valid: Frames that exist and have a face, bool (N, T).

        Returns:
            (N, T, E), zero at the other frames.
        """
        x = x.masked_fill(~valid[..., None], 0)
        # Valid frames first, in their order; a clip without any keeps one.
        order = (~valid).long().argsort(dim=1, stable=True)
        lengths = valid.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            x.take_along_dim(order[..., None], dim=1),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        y, _ = pad_packed_sequence(
            self.layers(packed)[0], batch_first=True, total_length=x.size(1)
        )
        place = order.argsort(dim=1)
        y = y.take_along_dim(place[..., None], dim=1)
        return y.masked_fill(~valid[..., None], 0)
