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

    In both directions, an invalid frame leaves the state unchanged.

    Args:
        in_channels: Width D of the frame features.
        embed_dims: Width E of the output. It must be even if
            ``bidirectional``, since each direction yields half of it.
        num_layers: Number of layers.
        cell: ``'LSTM'`` or ``'GRU'``.
        bidirectional: Whether the output also depends on later frames.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int = 256,
        num_layers: int = 1,
        cell: str = 'LSTM',
        bidirectional: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if cell not in _CELLS:
            raise ValueError(f'cell={cell!r} is none of {", ".join(_CELLS)}.')
        if bidirectional and embed_dims % 2:
            raise ValueError(
                f'embed_dims={embed_dims} must be even: each direction yields '
                'half of it.'
            )
        self.embed_dims = embed_dims
        self.layers = _CELLS[cell](
            in_channels,
            embed_dims // 2 if bidirectional else embed_dims,
            num_layers,
            batch_first=True,
            bidirectional=bidirectional,
        )

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Encode clips.

        Args:
            x: Frame features, (N, T, D).
            valid: Frames that exist and have a face, bool (N, T).

        Returns:
            (N, T, E), zero at invalid frames.
        """
        x = x.masked_fill(~valid[..., None], 0)
        # Move the valid frames to the front, in order, and pack these alone.
        # A clip without any keeps one, since a length must be positive.
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
        # Move the frames back to their places.
        inverse = order.argsort(dim=1)
        y = y.take_along_dim(inverse[..., None], dim=1)
        return y.masked_fill(~valid[..., None], 0)
