import copy

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

import fer_ssl.models  # noqa: F401
from fer_ssl.models.temporal.stream_fusion_encoder import (
    FrameStandardizer,
    StreamFusionEncoder,
)

SMALL = dict(
    type='TransformerEncoder', embed_dims=8, num_layers=1, num_heads=2
)
LINEAR = dict(type='LinearEncoder')


@MODELS.register_module()
class LinearEncoder(nn.Linear):
    """The simplest temporal encoder: each frame by itself."""

    def __init__(self, in_channels, embed_dims=4):
        super().__init__(in_channels, embed_dims)
        self.embed_dims = embed_dims

    def forward(self, x, valid):
        return super().forward(x)


def build(fusion='concat', stream=SMALL, joint=SMALL, **kwargs):
    torch.manual_seed(0)
    init_default_scope('mmpretrain')
    model = StreamFusionEncoder(
        streams=[
            dict(in_channels=3, encoder=stream, **kwargs),
            dict(in_channels=2, encoder=stream, **kwargs),
        ],
        fusion=fusion,
        encoder=joint,
        in_channels=5,
    ).eval()
    for parameter in model.parameters():  # including those initialized to zero
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def clips():
    """Two clips of 5 frames; the second has padding, and no second stream."""
    torch.manual_seed(1)
    valid = torch.tensor(
        [
            [[1, 1], [1, 0], [0, 1], [0, 0], [1, 1]],
            [[1, 0], [1, 0], [1, 0], [0, 0], [0, 0]],
        ],
        dtype=torch.bool,
    )
    return torch.randn(2, 5, 5), valid


def channels(valid):
    """(N, T, S) of the streams -> (N, T, D) of their channels."""
    return valid.repeat_interleave(torch.tensor([3, 2]), dim=-1)


@pytest.mark.parametrize('fusion', ['concat', 'gated'])
@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('garbage', [0.0, 1e4, float('nan'), float('inf')])
@pytest.mark.parametrize('standardize', [True, False])
def test_what_is_masked_changes_nothing(
    fusion, training, garbage, standardize
):
    model = build(
        fusion,
        dict(SMALL, dropout=0.0),
        dict(SMALL, dropout=0.0),
        standardize=standardize,
    ).train(training)
    x, valid = clips()
    other = x.masked_fill(~channels(valid), garbage)
    twin = copy.deepcopy(model)  # standardizers learn from what they see
    actual, expected = model(other, valid), twin(x, valid)
    assert actual.isfinite().all()
    present = valid.any(dim=-1)
    torch.testing.assert_close(actual[present], expected[present])
    model(other, valid).square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize('fusion', ['concat', 'gated'])
def test_missing_is_not_the_same_as_zeros(fusion):
    model = build(fusion)
    x, valid = clips()
    zeros = x.masked_fill(~channels(valid), 0)
    everything = valid.any(dim=-1, keepdim=True).expand_as(valid)
    assert not torch.allclose(model(zeros, valid), model(zeros, everything))


@pytest.mark.parametrize('fusion', ['concat', 'gated'])
def test_padding_equals_no_padding(fusion):
    model = build(fusion, standardize=True)
    x, valid = clips()
    torch.testing.assert_close(
        model(x, valid)[1:, :3], model(x[1:, :3], valid[1:, :3])
    )


def test_concatenation_equals_its_definition():
    model = build('concat', LINEAR, None)
    assert model.embed_dims == 8 and model.num_streams == 2
    x, valid = clips()
    output = model(x, valid)
    streams = x[..., :3], x[..., 3:]
    for n in range(2):
        for t in range(5):
            parts = [
                encoder(stream[n, t], None) if known else missing
                for encoder, stream, known, missing in zip(
                    model.encoders, streams, valid[n, t], model.missing
                )
            ]
            torch.testing.assert_close(output[n, t], torch.cat(parts))


def test_gates_equal_their_definition():
    model = build('gated', LINEAR, None)
    assert model.embed_dims == 4
    x, valid = clips()
    encoded = [
        encoder(stream, None)
        for encoder, stream in zip(model.encoders, x.split([3, 2], dim=-1))
    ]
    gates = model.stream_gates(encoded, valid)
    assert (gates[~valid] == 0).all()
    torch.testing.assert_close(gates.sum(dim=-1), valid.any(dim=-1).float())
    output = model(x, valid)
    for n in range(2):
        for t in range(5):
            present = [s for s in range(2) if valid[n, t, s]]
            raw = [
                torch.sigmoid(model.gates[s](encoded[s][n, t]))
                for s in present
            ]
            expected = torch.zeros(4)
            for gate, s in zip(raw, present):
                expected += gate / sum(raw) * encoded[s][n, t]
            torch.testing.assert_close(output[n, t], expected)


def test_gates_that_underflow():
    model = build('gated', LINEAR, None)
    for gate in model.gates:
        gate.bias.data.fill_(-500.0)
    x, valid = clips()
    gates = model.stream_gates([x[..., :4], x[..., 1:]], valid)
    torch.testing.assert_close(gates.sum(dim=-1), valid.any(dim=-1).float())


def test_one_mask_for_all_streams():
    model = build('gated')
    x, valid = clips()
    frames = valid.any(dim=-1)
    torch.testing.assert_close(
        model(x, frames), model(x, frames[..., None].expand(-1, -1, 2))
    )


def test_standardizer_has_the_moments_of_all_valid_frames():
    torch.manual_seed(0)
    model = FrameStandardizer(3).train()
    batches = [
        (5 + 3 * torch.randn(2, 4, 3), torch.rand(2, 4) < 0.6)
        for _ in range(4)
    ]
    batches.insert(2, (torch.randn(1, 4, 3), torch.zeros(1, 4).bool()))
    for x, valid in batches:
        model(x, valid)
    frames = torch.cat([x[valid] for x, valid in batches])
    torch.testing.assert_close(model.mean, frames.mean(dim=0))
    torch.testing.assert_close(model.variance, frames.var(dim=0, correction=0))
    model.eval()
    seen = model(frames[None], torch.ones(1, len(frames)).bool())[0]
    torch.testing.assert_close(
        seen.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(seen.std(dim=0, correction=0), torch.ones(3))
    assert model.num_frames == len(frames)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(in_channels=6), r'in_channels=6, but .* 3 \+ 2 = 5'),
        (dict(fusion='sum'), "'sum' is neither"),
        (
            dict(streams=[dict(in_channels=3, standardise=True)]),
            'unknown standardise; the keys of a stream are encoder, ',
        ),
        (
            dict(fusion='gated'),
            r'have \[4, 6\] output channels. Make these equal',
        ),
    ],
)
def test_invalid_settings(change, message):
    streams = [
        dict(in_channels=3, encoder=LINEAR),
        dict(in_channels=2, encoder=dict(LINEAR, embed_dims=6)),
    ]
    with pytest.raises(ValueError, match=message):
        StreamFusionEncoder(**dict(dict(streams=streams), **change))
