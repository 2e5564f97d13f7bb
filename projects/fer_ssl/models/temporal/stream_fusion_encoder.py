from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import nn

_STREAM_KEYS = {'in_channels', 'encoder', 'standardize'}


class FrameStandardizer(nn.Module):
    """Subtract each feature's mean and divide by its standard deviation.

    Both are over all valid frames seen in training so far, also during
    training, so batches with few frames do no harm. Sound features need it
    more than those of a network: log-mel spectra have a mean of about -5.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.register_buffer('num_frames', torch.zeros(()).double())
        self.register_buffer('mean', torch.zeros(in_channels))
        self.register_buffer('variance', torch.ones(in_channels))

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Standardize x (N, T, D); invalid frames become zero."""
        if self.training and valid.any():
            self._update(x[valid])
        x = (x - self.mean) * (self.variance + 1e-5).rsqrt()
        return x.masked_fill(~valid[..., None], 0)

    @torch.no_grad()
    def _update(self, frames: torch.Tensor) -> None:
        """Merge the statistics of new frames (m, D) into the running ones.

        The formulas are those of Chan, Golub and LeVeque, "Algorithms for
        computing the sample variance" (1983).
        """
        self.num_frames += len(frames)
        fraction = (len(frames) / self.num_frames).float()
        new_variance, new_mean = torch.var_mean(frames, 0, correction=0)
        delta = new_mean - self.mean
        self.mean += fraction * delta
        self.variance.lerp_(new_variance, fraction)
        self.variance += fraction * (1 - fraction) * delta**2


@MODELS.register_module()
class StreamFusionEncoder(BaseModule):
    """One temporal encoder per stream, fusion, and a joint encoder.

    Streams, such as the faces and the sound of a video, are concatenated in
    the channels of the features, and each has its own valid frames. A
    stream's encoder sees only these, and its output at other frames is left
    out of the fusion rather than read as zeros:

    - ``'concat'`` concatenates the streams. A learned vector replaces a
      missing stream, so the joint encoder can tell that it is missing.
    - ``'gated'`` takes the weighted mean of the streams, with a gate in (0, 1)
      for each stream and frame, ``sigmoid(w_s h_s + b_s)``. The gate of a
      missing stream is 0; the others are divided by their sum.

    Args:
        streams: For each stream its width ``in_channels``, its ``encoder``
            (config of a temporal encoder without ``in_channels``) and
            optionally ``standardize=True`` for a :class:`FrameStandardizer`
            before the encoder.
        fusion: ``'concat'`` or ``'gated'``; gates need encoders of the same
            width.
        encoder: Config of the joint encoder, without ``in_channels``.
            ``None`` for no joint encoder.
        in_channels: Total width of all streams, which is checked. Heads read
            it from the config.

    Example:
        >>> temporal_encoder = dict(
        ...     type='StreamFusionEncoder',
        ...     in_channels=768 + 64,
        ...     streams=[
        ...         dict(in_channels=768, encoder=dict(type='TCN')),
        ...         dict(
        ...             in_channels=64,
        ...             encoder=dict(type='TCN'),
        ...             standardize=True,
        ...         ),
        ...     ],
        ...     fusion='gated',
        ...     encoder=dict(type='TransformerEncoder'),
        ... )
    """

    def __init__(
        self,
        streams: Sequence[dict],
        fusion: str = 'concat',
        encoder: dict | None = None,
        in_channels: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        unknown = set().union(*streams) - _STREAM_KEYS
        if unknown:
            raise ValueError(
                f'streams: unknown {", ".join(sorted(unknown))}; the keys of '
                f'a stream are {", ".join(sorted(_STREAM_KEYS))}.'
            )
        self.widths = [stream['in_channels'] for stream in streams]
        if in_channels not in (None, sum(self.widths)):
            raise ValueError(
                f'in_channels={in_channels}, but the streams have '
                f'{" + ".join(map(str, self.widths))} = {sum(self.widths)}.'
            )
        # The British spelling is part of the keys of saved checkpoints.
        self.standardisers = nn.ModuleList(
            FrameStandardizer(stream['in_channels'])
            if stream.get('standardize')
            else None
            for stream in streams
        )
        self.encoders = nn.ModuleList(
            MODELS.build(
                dict(stream['encoder'], in_channels=stream['in_channels'])
            )
            for stream in streams
        )
        dims = [encoder.embed_dims for encoder in self.encoders]
        if fusion == 'concat':
            self.missing = nn.ParameterList(torch.zeros(dim) for dim in dims)
            self.embed_dims = sum(dims)
        elif fusion == 'gated':
            if len(set(dims)) > 1:
                raise ValueError(
                    f"fusion='gated' takes a mean of the streams, but their "
                    f'encoders have {dims} output channels. Make these equal.'
                )
            self.gates = nn.ModuleList(nn.Linear(dim, 1) for dim in dims)
            self.embed_dims = dims[0]
        else:
            raise ValueError(
                f"fusion={fusion!r} is neither 'concat' nor 'gated'."
            )
        self.fusion = fusion
        self.joint_encoder = None
        if encoder is not None:
            self.joint_encoder = MODELS.build(
                dict(encoder, in_channels=self.embed_dims)
            )
            self.embed_dims = self.joint_encoder.embed_dims

    @property
    def num_streams(self) -> int:
        """Number S of streams."""
        return len(self.widths)

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Encode clips.

        Args:
            x: Features of all streams, (N, T, D1 + D2 + ...). Values at
                invalid frames have no effect.
            valid: Which streams each frame has, bool (N, T, S); or bool
                (N, T) if each frame has all of them or none.

        Returns:
            (N, T, E), finite everywhere, but meaningful only at frames that
            have at least one stream.
        """
        if valid.dim() == 2:
            valid = valid[..., None].expand(-1, -1, self.num_streams)
        encoded = []
        for i, part in enumerate(x.split(self.widths, dim=-1)):
            known = valid[..., i]
            # Not left to the encoders: NaN times a weight of 0 is NaN.
            part = part.masked_fill(~known[..., None], 0)
            if self.standardisers[i] is not None:
                part = self.standardisers[i](part, known)
            encoded.append(self.encoders[i](part, known))
        if self.fusion == 'concat':
            fused = self._concatenate(encoded, valid)
        else:
            gates = self.stream_gates(encoded, valid)[..., None]
            fused = (gates * torch.stack(encoded, dim=2)).sum(dim=2)
        if self.joint_encoder is None:
            return fused
        return self.joint_encoder(fused, valid.any(dim=-1))

    def _concatenate(
        self, encoded: Sequence[torch.Tensor], valid: torch.Tensor
    ) -> torch.Tensor:
        """Concatenate the streams to (N, T, E1 + E2 + ...)."""
        parts = [
            torch.where(valid[..., i, None], part, self.missing[i])
            for i, part in enumerate(encoded)
        ]
        return torch.cat(parts, dim=-1)

    def stream_gates(
        self, encoded: Sequence[torch.Tensor], valid: torch.Tensor
    ) -> torch.Tensor:
        """Compute the weight of each stream in each frame, (N, T, S).

        The weights sum to 1 if a frame has any stream, and to 0 otherwise.

        Args:
            encoded: Outputs of the S encoders, each (N, T, E).
            valid: Which streams each frame has, bool (N, T, S).
        """
        scores = torch.cat(
            [gate(part) for gate, part in zip(self.gates, encoded)], dim=-1
        )
        # softmax(log g) equals g / sum(g), but is right even if all g
        # underflow. -1e9 and not -inf: a frame without a stream would be NaN.
        logs = nn.functional.logsigmoid(scores.float())
        weights = logs.masked_fill(~valid, -1e9).softmax(dim=-1)
        return (weights * valid).to(scores.dtype)
