"""Properties of every temporal encoder, and the definition of each."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn
from torch.nn.utils.parametrize import remove_parametrizations

from fer_ssl.models.temporal import (
    TCN,
    RecurrentEncoder,
    TCNTransformerEncoder,
)

TRANSFORMER = dict(embed_dims=8, num_layers=2, num_heads=2, dropout=0.0)
SMALL_TCN = dict(channels=(8, 4), kernel_size=3, dropout=0.0)
ENCODERS = {
    'transformer': dict(type='TransformerEncoder', **TRANSFORMER),
    'post norm': dict(
        type='TransformerEncoder',
        norm_first=False,
        feedforward_dims=8,
        activation='relu',
        positional_encoding=False,
        **TRANSFORMER,
    ),
    'tcn': dict(type='TCN', **SMALL_TCN),
    'causal tcn': dict(type='TCN', causal=True, **SMALL_TCN),
    'tcn and transformer': dict(
        type='TCNTransformerEncoder', tcn=SMALL_TCN, transformer=TRANSFORMER
    ),
    'lstm': dict(type='RecurrentEncoder', embed_dims=8, num_layers=2),
    'gru': dict(
        type='RecurrentEncoder', embed_dims=8, cell='GRU', bidirectional=False
    ),
}
UNMASKED = dict(ENCODERS['post norm'], mask_invalid=False)
every = pytest.mark.parametrize('config', ENCODERS.values(), ids=ENCODERS)


def build(config, in_channels=6):
    torch.manual_seed(0)
    return MODELS.build(dict(config, in_channels=in_channels)).eval()


def clips(size=(3, 9, 6)):
    """Features and validity; the last clip has no valid frame."""
    x = torch.randn(*size)
    valid = torch.rand(size[:2]) < 0.6
    valid[0, [0, -1]] = True
    valid[-1] = False
    return x, valid


@pytest.mark.parametrize(
    'config',
    [*ENCODERS.values(), UNMASKED],
    ids=[*ENCODERS, 'unmasked transformer'],
)
@pytest.mark.parametrize('training', [True, False])
def test_invalid_frames_change_nothing(config, training):
    model = build(config).train(training)
    x, valid = clips()
    expected = model(x, valid)
    assert expected.shape == (3, 9, model.embed_dims)
    assert expected.isfinite().all()
    for junk in (torch.randn_like(x) * 99, torch.full_like(x, torch.nan)):
        changed = torch.where(valid[..., None], x, junk)
        output = model(changed, valid)
        assert output.isfinite().all()
        torch.testing.assert_close(output[valid], expected[valid])
    output.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@every
def test_padding_equals_no_padding(config):
    model = build(config)
    x, _ = clips()
    valid = torch.ones(3, 9, dtype=torch.bool)
    valid[:, 5:] = False
    padded = model(x, valid)[:, :5]
    torch.testing.assert_close(padded, model(x[:, :5], valid[:, :5]))


@every
def test_clips_of_a_batch_are_independent(config):
    model = build(config)
    x, valid = clips()
    for i in range(len(x)):
        torch.testing.assert_close(
            model(x, valid)[i, valid[i]],
            model(x[i : i + 1], valid[i : i + 1])[0, valid[i]],
        )


@pytest.mark.parametrize('name', ['causal tcn', 'gru'])
def test_no_future_is_seen(name):
    model = build(ENCODERS[name])
    x, valid = clips()
    changed = torch.cat([x[:, :4], torch.randn_like(x[:, 4:])], dim=1)
    before, after = model(x, valid), model(changed, valid)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def frames_seen(model, frame, length=99):
    """Frames on which the output at ``frame`` depends."""
    x = torch.randn(1, length, 6, requires_grad=True)
    valid = torch.ones(1, length, dtype=torch.bool)
    model(x, valid)[0, frame].sum().backward()
    return x.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()


def test_receptive_field_of_paper_b():
    for causal, first, last in ((True, 4, 60), (False, 32, 88)):
        model = build(dict(type='TCN', channels=(8, 8, 8), causal=causal))
        assert model.receptive_field == 57 == last - first + 1
        assert frames_seen(model, 60) == list(range(first, last + 1))


def reference_tcn(model, x):
    """Paper B's block, frame by frame: x (T, D) -> (T, E)."""
    for i, block in enumerate(model.blocks):
        dilation, y = 2**i, x
        for conv, activation in zip(block.convs, block.activations):
            rows = []
            for t in range(len(x)):
                total = conv.bias.clone()
                taps = conv.weight.unbind(-1)
                for k, tap in enumerate(taps):
                    at = t - (len(taps) - 1 - k) * dilation
                    if at >= 0:
                        total = total + tap @ y[at]
                rows.append(activation(total))
            y = torch.stack(rows)
        skip = x
        if isinstance(block.residual, nn.Conv1d):
            weight = block.residual.weight[..., 0]
            skip = x @ weight.T + block.residual.bias
        x = block.output(y + skip)
    return x


def test_tcn_is_that_of_paper_b():
    model = build(dict(type='TCN', channels=(6, 4), causal=True))
    x = torch.randn(1, 7, 6)
    valid = torch.ones(1, 7, dtype=torch.bool)
    torch.testing.assert_close(
        model(x, valid)[0], reference_tcn(model, x[0]), rtol=1e-4, atol=1e-5
    )
    full = TCN(768)
    assert full.embed_dims == 128 and full.receptive_field == 57
    widths = [c.out_channels for b in full.blocks for c in b.convs]
    assert widths == [768, 768, 256, 256, 128, 128]
    # No residual convolution where the width stays.
    assert [type(b.residual) for b in full.blocks] == [
        nn.Identity,
        nn.Conv1d,
        nn.Conv1d,
    ]


def test_weight_norm_separates_length_and_direction():
    conv = TCN(6, channels=(4,)).blocks[0].convs[0]
    lengths = conv.weight.flatten(1).norm(dim=1)
    original = conv.parametrizations.weight.original0
    torch.testing.assert_close(lengths, original.flatten())
    remove_parametrizations(conv, 'weight')


def test_transformer_of_the_code_is_pytorchs():
    """8 layers of 4 heads, 512 wide, and nothing else."""
    model = build(dict(UNMASKED, embed_dims=16, num_layers=3, num_heads=4))
    layer = nn.TransformerEncoderLayer(16, 4, 8, 0.0, batch_first=True)
    plain = nn.TransformerEncoder(layer, 3).eval()
    plain.load_state_dict(model.layers.state_dict())
    x, valid = clips()
    blank = x * valid[..., None]
    torch.testing.assert_close(model(x, valid), plain(model.projection(blank)))


def test_tcn_and_transformer_in_a_row():
    model = build(ENCODERS['tcn and transformer'])
    x, valid = clips()
    torch.testing.assert_close(
        model(x, valid), model.transformer(model.tcn(x, valid), valid)
    )
    full = TCNTransformerEncoder(
        768,
        tcn=dict(causal=True),
        transformer=dict(embed_dims=512, num_layers=8),
    )
    assert full.transformer.projection.in_features == 128
    assert full.embed_dims == 512
    # Any two encoders; mmengine's configs are no plain dicts.
    other = MODELS.build(
        Config(
            dict(
                type='TCNTransformerEncoder',
                in_channels=6,
                tcn=SMALL_TCN,
                transformer=dict(type='RecurrentEncoder', embed_dims=8),
            )
        )._cfg_dict
    )
    assert isinstance(other.transformer, RecurrentEncoder)


@pytest.mark.parametrize('cell', ['LSTM', 'GRU'])
def test_recurrent_encoder_skips_invalid_frames(cell):
    model = build(
        dict(type='RecurrentEncoder', embed_dims=8, num_layers=2, cell=cell)
    )
    x, valid = clips()
    for clip, ok, output in zip(x, valid, model(x, valid)):
        assert not output[~ok].any()
        if ok.any():
            expected = model.layers(clip[None, ok])[0][0]
            torch.testing.assert_close(output[ok], expected)


def test_invalid_recurrent_options():
    with pytest.raises(ValueError, match="'RNN' is none of LSTM, GRU"):
        RecurrentEncoder(6, cell='RNN')
    with pytest.raises(ValueError, match='embed_dims=9 must be even'):
        RecurrentEncoder(6, embed_dims=9)


@every
def test_half_precision(config):
    model = build(config).train()
    x, valid = clips()
    with torch.autocast('cpu', torch.bfloat16):
        output = model(x, valid)
    assert output.isfinite().all()
    torch.testing.assert_close(
        output.float()[valid], model(x, valid)[valid], rtol=0.1, atol=0.1
    )


@every
def test_training_and_inference_paths_agree(config):
    model = build(config)
    x, valid = clips()
    expected = model.train()(x, valid)
    with torch.no_grad():  # uses PyTorch's fused layers
        actual = model.eval()(x, valid)
    torch.testing.assert_close(actual[valid], expected[valid])
