import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn
from torch.testing import assert_close

from fer_ssl.models import BatchViewDataPreprocessor

BACKBONE = dict(
    type='ResNet_CIFAR',
    depth=18,
    in_channels=1,
    stem_channels=4,
    base_channels=4,
    num_stages=3,
    strides=(2, 2, 2),
    dilations=(1, 1, 1),
    out_indices=(2,),
)
FLIP = [dict(type='RandomHorizontalFlip', p=0.5)]


class Kept(nn.Module):
    """Keeps its input, and gives a feature of value 1."""

    def forward(self, images):
        self.images = images
        return (torch.ones(len(images), 3, 2, 4),)


@pytest.fixture
def model():
    init_default_scope('mmpretrain')
    model = MODELS.build(
        dict(
            type='MaskedReconstruction',
            backbone=BACKBONE,
            in_channels=3,
            stride=4,
            image_channels=2,
            patch_size=2,
            mask_ratio=0.25,
        )
    )
    model.backbone = Kept()
    return model


def test_loss_by_hand(model):
    nn.init.constant_(model.decoder[0].weight, 0.5)
    nn.init.constant_(model.decoder[0].bias, -1.0)  # so each pixel is 0.5
    images = torch.randn(3, 2, 8, 16)
    torch.manual_seed(0)
    mask = model.draw_mask(images)
    torch.manual_seed(0)
    loss = model(images, mode='loss')['loss']
    masked = mask.bool().expand_as(images)
    assert_close(loss, (images[masked] - 0.5).abs().mean())
    seen = model.backbone.images
    assert not seen[masked].any()
    assert torch.equal(seen[~masked], images[~masked])


def test_mask(model):
    mask = model.draw_mask(torch.zeros(500, 1, 6, 4))
    assert mask.shape == (500, 1, 6, 4)
    patches = mask.view(500, 3, 2, 2, 2).transpose(2, 3).reshape(-1, 4)
    assert torch.equal(patches.amin(dim=1), patches.amax(dim=1))
    assert 0.22 < patches[:, 0].mean() < 0.28
    with pytest.raises(ValueError, match='images of 6 x 5 pixels'):
        model.draw_mask(torch.zeros(1, 1, 6, 5))


def test_pixels_are_where_the_features_are():
    init_default_scope('mmpretrain')
    model = MODELS.build(
        dict(
            type='MaskedReconstruction',
            backbone=BACKBONE,
            in_channels=16,
            stride=8,
            image_channels=1,
        )
    )
    images = torch.rand(2, 1, 24, 16)
    features = model.backbone(images)[-1]
    assert features.shape == (2, 16, 3, 2)
    assert model.decoder(features).shape == images.shape


def test_several_views_train_a_contrastive_model():
    init_default_scope('mmpretrain')
    model = MODELS.build(
        dict(
            type='BarlowTwins',
            backbone=BACKBONE,
            neck=dict(
                type='NonLinearNeck',
                in_channels=16,
                hid_channels=8,
                out_channels=8,
                num_layers=2,
            ),
            head=dict(
                type='LatentCrossCorrelationHead',
                in_channels=8,
                loss=dict(type='CrossCorrelationLoss'),
            ),
            data_preprocessor=dict(
                type='BatchViewDataPreprocessor',
                view=FLIP,
                num_views=2,
                mean=[100.0],
                std=[50.0],
            ),
        )
    )
    faces = torch.randint(0, 256, (16, 1, 24, 24), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=faces, data_samples=[]), True)
    first, second = data['inputs']
    assert not torch.equal(first, second)
    plain = (faces.float() - 100) / 50
    for views in (first, second):
        for view, face in zip(views, plain):
            assert any(
                torch.allclose(view, x, atol=1e-4)
                for x in (face, face.flip(2))
            )
    loss = model(**data, mode='loss')['loss']
    loss.backward()
    assert model.backbone.conv1.weight.grad.abs().sum() > 0


def test_one_view_and_a_list():
    preprocessor = BatchViewDataPreprocessor(FLIP)
    faces = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    data = preprocessor(dict(inputs=faces, data_samples=[]))
    assert data['inputs'].shape == faces.shape
    with pytest.raises(ValueError, match='remove MultiView'):
        preprocessor(dict(inputs=[faces], data_samples=[]))
