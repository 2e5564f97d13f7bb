"""Operations and weights, counted by hand."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from fer_ssl.experiments.model_cost import model_cost, multiply_adds
from fer_ssl.models.temporal import RecurrentEncoder, TransformerEncoder


class ValidClips(nn.Module):
    """Runs an encoder on clips whose frames are all valid."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, x):
        valid = torch.ones(x.shape[:2], dtype=torch.bool)
        return self.encoder(x, valid)


def test_convolution():
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False))
    assert multiply_adds(layers, torch.rand(1, 3, 5, 5)) == 25 * 4 * 3 * 9


@pytest.mark.parametrize('cell, gates', [('GRU', 3), ('LSTM', 4)])
def test_recurrent_layers(cell, gates):
    encoder = RecurrentEncoder(6, embed_dims=8, cell=cell, bidirectional=False)
    per_frame = gates * 8 * (6 + 8)
    clips = torch.rand(2, 10, 6)
    assert multiply_adds(ValidClips(encoder.eval()), clips) == 20 * per_frame


def test_products_of_attention():
    encoder = TransformerEncoder(
        in_channels=8, embed_dims=8, num_layers=1, num_heads=2
    ).eval()
    short, long = (
        multiply_adds(ValidClips(encoder), torch.rand(1, frames, 8))
        for frames in (10, 20)
    )
    # All else is linear in the frames, the two products are quadratic.
    assert long - 2 * short == 2 * (20 * 20 - 2 * 10 * 10) * 8


def test_cost_of_a_config(write_faces):
    faces = write_faces([('a.png', 'anger', 'val'), ('b.png', 'neutral', '')])
    loader = dict(
        dataset=dict(
            type='FaceDataset',
            **faces,
            pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
        )
    )
    network = dict(
        type='ImageClassifier',
        backbone=dict(
            type='ResNet', depth=18, stem_channels=4, base_channels=4
        ),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', in_channels=32, num_classes=3),
    )
    model = dict(network, data_preprocessor=dict(type='ClsDataPreprocessor'))
    one = model_cost(Config(dict(model=model, val_dataloader=loader)))
    assert one['shape'] == '1 x 3 x 32 x 32'
    two = model_cost(
        Config(
            dict(
                model=dict(
                    type='TeacherStudent',
                    network=network,
                    data_preprocessor=dict(type='ClsDataPreprocessor'),
                ),
                train_dataloader=loader,
            )
        )
    )
    # Two networks are trained, one predicts.
    assert two['parameters'] == two['trained'] == 2 * one['parameters']
    assert two['multiply_adds'] == one['multiply_adds'] > 0
