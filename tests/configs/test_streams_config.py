"""Config with two streams, and streams with every encoder and head."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from fer_ssl.features.extract_audio import extract_audio
from fer_ssl.features.stream_store import build_video_dataset, video_lengths
from fer_ssl.models.heads import MultiTaskFrameHead, TemporalFrameHead
from tests.helpers.small_run import extract, shrink
from tests.helpers.sound_files import tone, write_wav

CONFIGS = Path(__file__).parents[2] / 'configs'
FILE = CONFIGS / 'streams/va_faces_and_sound.py'
SMALL_TCN = dict(channels=(8, 8), kernel_size=3, dropout=0.0)
TRANSFORMER = dict(embed_dims=8, num_layers=1, num_heads=2, dropout=0.0)
ENCODERS = {
    'transformer': dict(type='TransformerEncoder', **TRANSFORMER),
    'tcn': dict(type='TCN', **SMALL_TCN),
    'tcn and transformer': dict(
        type='TCNTransformerEncoder', tcn=SMALL_TCN, transformer=TRANSFORMER
    ),
    'lstm': dict(type='RecurrentEncoder', embed_dims=8),
}


def test_small_run(tmp_path):
    pytest.importorskip('av')
    config = Config.fromfile(FILE)
    stores = config.train_dataloader.dataset.feature_store
    assert list(stores) == ['visual', 'audio']
    shrink(config, tmp_path, max_epochs=2)
    encoder = config.model.cls_head.temporal_encoder
    encoder.in_channels = 16 + 64
    encoder.streams[0].in_channels = 16
    for stream in encoder.streams:
        stream.encoder.channels = (8, 8)
    encoder.encoder.update(
        embed_dims=8, feedforward_dims=8, num_layers=1, num_heads=2
    )
    config.extract_dataloader.dataset.pipeline[1].scale = (8, 8)
    extract(config, tmp_path)
    lengths = video_lengths(build_video_dataset(config))
    for name in list(lengths)[1:]:  # the first has no sound
        sound = tone(lengths[name] / 30)
        write_wav(tmp_path / f'sounds/{name}.wav', sound)
    store = extract_audio(
        config,
        str(tmp_path / 'sounds'),
        str(tmp_path / 'audio'),
        fps=30,
        allow_missing=True,
    )
    assert 0 < store.valid.sum() < len(store.valid)
    runner = Runner.from_cfg(config)
    runner.train()
    encoder = runner.model.cls_head.temporal_encoder
    assert encoder.standardisers[1].num_frames > 0
    scores = runner.test()
    assert {'ccc', 'ccc_with_face'} <= set(scores)


def heads():
    both = dict(
        EXPR=dict(type='ExpressionTask', num_outputs=3),
        VA=dict(type='ValenceArousalTask'),
    )
    for hidden_channels in (None, 4):
        yield lambda encoder, hidden=hidden_channels: TemporalFrameHead(
            3, encoder, hidden_channels=hidden, dropout=0.0
        )
        yield lambda encoder, hidden=hidden_channels: MultiTaskFrameHead(
            both, encoder, hidden_channels=hidden, dropout=0.0
        )


@pytest.mark.parametrize('encoder', ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize('fusion', ['concat', 'gated'])
@pytest.mark.parametrize('make_head', [*heads()])
def test_every_encoder_and_head(encoder, fusion, make_head):
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    fused = dict(
        type='StreamFusionEncoder',
        in_channels=5,
        streams=[dict(in_channels=width, encoder=encoder) for width in (3, 2)],
        fusion=fusion,
        encoder=encoder,
    )
    head = make_head(fused).train()
    stream_valid = torch.rand(3, 7, 2) < 0.5
    stream_valid[2] = False
    valid = stream_valid.any(dim=-1)
    x = torch.randn(3, 7, 5)
    channels = stream_valid.repeat_interleave(torch.tensor([3, 2]), dim=-1)
    junk = x.masked_fill(~channels, np.nan)
    first, second = head(x, stream_valid), head(junk, stream_valid)
    if not isinstance(first, dict):
        first, second = dict(EXPR=first), dict(EXPR=second)
    for name, logits in first.items():
        assert second[name].isfinite().all()
        torch.testing.assert_close(logits[valid], second[name][valid])
