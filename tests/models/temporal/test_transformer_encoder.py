import math

import pytest
import torch

from fer_ssl.models.temporal.transformer_encoder import (
    TransformerEncoder,
    sinusoidal_positions,
)

SMALL = dict(in_channels=6, embed_dims=8, num_layers=2, num_heads=2)


def encoder(**kwargs):
    torch.manual_seed(0)
    return TransformerEncoder(**{**SMALL, **kwargs}).eval()


def test_positions_are_those_of_the_paper():
    positions = sinusoidal_positions(5, 4)
    for t in range(5):
        for i in range(2):
            angle = t / 10000 ** (2 * i / 4)
            assert positions[t, 2 * i] == pytest.approx(math.sin(angle))
            assert positions[t, 2 * i + 1] == pytest.approx(math.cos(angle))


@pytest.mark.parametrize('training', [True, False])
def test_masked_frames_change_nothing(training):
    model = encoder(dropout=0.0).train(training)
    x = torch.randn(2, 5, 6)
    valid = torch.tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    changed = torch.where(valid[..., None], x, torch.randn_like(x) * 9)
    torch.testing.assert_close(
        model(changed, valid)[valid], model(x, valid)[valid]
    )
    everything = torch.ones_like(valid)
    assert not torch.allclose(
        model(changed, everything)[valid], model(x, everything)[valid]
    )


def test_short_clip_equals_its_unpadded_self():
    model = encoder()
    x = torch.randn(1, 5, 6)
    valid = torch.tensor([[True] * 3 + [False] * 2])
    torch.testing.assert_close(
        model(x, valid)[:, :3], model(x[:, :3], valid[:, :3])
    )


@pytest.mark.parametrize('training', [True, False])
def test_clip_without_any_valid_frame_is_finite(training):
    model = encoder().train(training)
    x = torch.randn(2, 4, 6)
    valid = torch.tensor([[False] * 4, [True] * 4])
    with torch.set_grad_enabled(training):
        output = model(x, valid)
    assert output.isfinite().all()
    if training:
        output.sum().backward()
        for parameter in model.parameters():
            assert parameter.grad.isfinite().all()


def test_positional_encoding_is_what_knows_the_order():
    x = torch.randn(1, 5, 6)
    valid = torch.ones(1, 5, dtype=torch.bool)
    order = torch.tensor([3, 1, 4, 0, 2])
    without = encoder(positional_encoding=False)
    torch.testing.assert_close(
        without(x[:, order], valid), without(x, valid)[:, order]
    )
    model = encoder()
    assert not torch.allclose(
        model(x[:, order], valid), model(x, valid)[:, order]
    )


def test_training_and_inference_paths_agree():
    model = encoder(dropout=0.0)
    x = torch.randn(2, 5, 6)
    valid = torch.tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    expected = model.train()(x, valid)
    with torch.no_grad():  # uses PyTorch's fused layers
        actual = model.eval()(x, valid)
    torch.testing.assert_close(actual[valid], expected[valid])


@pytest.mark.parametrize('dims', [dict(embed_dims=9), dict(num_heads=3)])
def test_invalid_sizes(dims):
    with pytest.raises(ValueError, match='even and a multiple'):
        encoder(**dims)


@pytest.mark.parametrize('positional_encoding', [True, False])
def test_skipping_invalid_frames_changes_nothing_else(positional_encoding):
    model = encoder(positional_encoding=positional_encoding)
    x = torch.randn(4, 9, 6, requires_grad=True)
    valid = torch.zeros(4, 9, dtype=torch.bool)
    valid[0, [1, 4, 8]] = True
    valid[1, 7] = True
    valid[3] = True
    expected = model(x, valid)
    (gradient,) = torch.autograd.grad(expected[valid].square().sum(), x)
    model.skip_invalid = True
    for clips in (slice(None), slice(3), slice(2, 3)):
        found = model(x[clips], valid[clips])
        chosen = valid[clips]
        torch.testing.assert_close(found[chosen], expected[clips][chosen])
        assert not found[~chosen].any()
    found = model(x, valid)
    (other,) = torch.autograd.grad(found[valid].square().sum(), x)
    torch.testing.assert_close(other, gradient)
    with pytest.raises(ValueError, match='set one of the two'):
        encoder(skip_invalid=True, mask_invalid=False)
