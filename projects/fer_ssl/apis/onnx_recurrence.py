from __future__ import annotations

import torch
from torch import nn

from ..models.temporal.recurrent_encoder import RecurrentEncoder

#: Where PyTorch has the gates of ONNX: of an LSTM i, o, f, c (PyTorch: i, f,
#: c, o), of a GRU z, r, h (PyTorch: r, z, n).
_GATES = {'LSTM': (0, 3, 1, 2), 'GRU': (1, 0, 2)}


class OnnxRecurrence(nn.Module):
    """A :class:`RecurrentEncoder` in the operators of ONNX, for the export.

    The exporter of PyTorch cannot translate packed sequences, but the
    operators ``LSTM`` and ``GRU`` of ONNX take the lengths of the sequences,
    which is the same. PyTorch cannot run this module.

    Args:
        encoder: The encoder; its weights are used.
    """

    def __init__(self, encoder: RecurrentEncoder) -> None:
        super().__init__()
        self.layers = encoder.layers

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Encode clips, see :meth:`RecurrentEncoder.forward`."""
        invalid = ~valid[..., None]
        # The valid frames first, in order; all keys differ.
        frames = torch.arange(x.size(1), device=x.device)
        order = (frames + (~valid).long() * x.size(1)).argsort(dim=1)
        lengths = valid.sum(dim=1).clamp(min=1).int()
        y = _reordered(x.masked_fill(invalid, 0), order).transpose(0, 1)
        for layer in range(self.layers.num_layers):
            y = self._run_layer(layer, y, lengths)
        y = _reordered(y.transpose(0, 1), order.argsort(dim=1))
        return y.masked_fill(invalid, 0)

    def _run_layer(
        self, layer: int, x: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        """Run a layer on x (T, N, D); returns (T, N, directions * H)."""
        cell = type(self.layers).__name__
        both = self.layers.bidirectional
        attributes = dict(
            hidden_size=self.layers.hidden_size,
            direction='bidirectional' if both else 'forward',
        )
        if cell == 'GRU':
            attributes['linear_before_reset'] = 1
        suffixes = [f'l{layer}', f'l{layer}_reverse'][: 1 + both]
        ih, hh = (
            torch.stack([self._gates(f'weight_{x}_{s}') for s in suffixes])
            for x in ('ih', 'hh')
        )
        biases = [
            torch.cat([self._gates(f'bias_{x}_{s}') for x in ('ih', 'hh')])
            for s in suffixes
        ]
        hidden = self.layers.hidden_size
        y = torch.onnx.ops.symbolic(
            cell,
            (x, ih, hh, torch.stack(biases), lengths),
            attributes,
            dtype=x.dtype,
            shape=(x.size(0), len(suffixes), x.size(1), hidden),
        )
        return y.transpose(1, 2).flatten(2)

    def _gates(self, name: str) -> torch.Tensor:
        """Return weights in the order of the gates of ONNX."""
        weights = getattr(self.layers, name)
        parts = weights.split(self.layers.hidden_size)
        return torch.cat(
            [parts[i] for i in _GATES[type(self.layers).__name__]]
        )


def _reordered(x: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Reorder the frames of x (N, T, D)."""
    # take_along_dim would fix N and T to those of the example.
    return x.gather(1, order[..., None].expand(-1, -1, x.size(2)))
