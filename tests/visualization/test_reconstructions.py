import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.models import MAE, MAEViT

from fer_ssl.visualization.reconstructions import (
    plot_reconstructions,
    reconstruct,
)

PATCH = 4


@pytest.fixture
def model():
    init_default_scope('mmpretrain')
    arch = dict(
        embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=8
    )
    return MAE(
        backbone=MAEViT(arch=arch, img_size=16, patch_size=PATCH),
        neck=dict(
            type='MAEPretrainDecoder',
            num_patches=16,
            patch_size=PATCH,
            embed_dim=8,
            decoder_embed_dim=8,
            decoder_depth=1,
            decoder_num_heads=2,
        ),
        head=dict(
            type='MAEPretrainHead',
            patch_size=PATCH,
            norm_pix=True,
            loss=dict(type='PixelReconstructionLoss', criterion='L2'),
        ),
    ).eval()


def test_patches_that_were_seen_stay(model):
    images = torch.randn(3, 3, 16, 16)
    faces, mask = reconstruct(model, images)
    assert mask.shape == (3, 1, 16, 16)
    assert mask.unique().tolist() == [0, 1]
    assert mask.mean(dim=(1, 2, 3)).tolist() == [0.75] * 3
    seen = mask.expand_as(images) == 0
    torch.testing.assert_close(faces[seen], images[seen])
    assert not torch.isclose(faces[~seen], images[~seen]).all()
    patches = mask.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
    assert (patches.flatten(4).std(-1) == 0).all(), 'whole patches'


@pytest.mark.parametrize('norm_pix', [True, False])
def test_perfect_decoder_gives_the_faces(model, monkeypatch, norm_pix):
    images = torch.randn(2, 3, 16, 16)
    model.head.norm_pix = norm_pix
    target = model.head.construct_target(images)
    monkeypatch.setattr(model.neck, 'forward', lambda *_: target)
    faces, _ = reconstruct(model, images)
    torch.testing.assert_close(faces, images)


def test_plot(model, tmp_path):
    pixels = torch.tensor([[128.0] * 3, [64.0] * 3])
    figure = plot_reconstructions(model, torch.randn(5, 3, 16, 16), pixels)
    assert len(figure.axes) == 15
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels[::5] == ['face', 'visible', 'reconstructed']
    figure.savefig(tmp_path / 'x.png')
