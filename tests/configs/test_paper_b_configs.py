"""Configs of paper B: hyperparameters, and a small run of each."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from tests.helpers.small_run import extract, shrink

CONFIGS = Path(__file__).parents[2] / 'configs'
FILES = {path.stem: path for path in CONFIGS.glob('paper_b/*.py')}
EPOCHS = dict(va=40, expr=10, au=30, multi=40)


@pytest.mark.parametrize('name', FILES)
def test_hyperparameters_of_paper_b(name):
    task, _, form = name.partition('_')
    is_code = form == 'code'
    config = Config.fromfile(FILES[name])
    head = config.model.cls_head
    tcn, transformer = head.temporal_encoder.tcn, head.temporal_encoder
    transformer = transformer.transformer
    assert tuple(tcn.channels) == (768, 256, 128)
    assert (tcn.kernel_size, tcn.causal) == (5, True)
    assert transformer.embed_dims == transformer.feedforward_dims == 512
    assert (transformer.num_layers, transformer.num_heads) == (8, 4)
    assert head.hidden_channels == 256
    dropout = 0.0 if is_code else 0.3
    assert {head.dropout, tcn.dropout, transformer.dropout} == {dropout}
    assert transformer.get('mask_invalid', True) is not is_code
    clips = config.train_dataloader.dataset
    assert (clips.window, clips.stride) == (300, 200)
    assert config.test_dataloader.dataset.stride == (300 if is_code else 200)
    assert config.train_dataloader.batch_size == 32
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=3e-5, weight_decay=1e-5
    )
    assert config.train_cfg.max_epochs == EPOCHS[task]
    warm_up, cosine = config.param_scheduler
    assert warm_up.end == cosine.begin == (2 if is_code else 1)
    assert not {'end', 'T_max'} & cosine.keys()  # until the end of training


def test_vision_transformer_gives_768_features():
    config = Config.fromfile(FILES['va_paper'])
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        backbone = MODELS.build(config.model.backbone)
        (features,) = backbone(torch.zeros(2, 3, 224, 224))
    assert features.shape == (2, 768)
    assert config.model.cls_head.temporal_encoder.in_channels == 768


@pytest.mark.parametrize('name', FILES)
def test_small_run(name, tmp_path):
    config = Config.fromfile(FILES[name])
    shrink(config, tmp_path, max_epochs=4)
    encoder = config.model.cls_head.temporal_encoder
    encoder.in_channels = 16
    encoder.tcn.channels = (16, 8, 8)
    encoder.transformer.update(
        embed_dims=8, feedforward_dims=8, num_layers=2, num_heads=2
    )
    config.extract_dataloader.dataset.pipeline[2].crop_size = 8
    extract(config, tmp_path)
    runner = Runner.from_cfg(config)
    runner.train()
    rates, _ = runner.message_hub.get_scalar('train/lr').data
    assert rates.max() == pytest.approx(3e-5)
    assert rates[0] < 1e-7 and rates[-1] < 1e-5
    best = config.default_hooks.checkpoint.save_best.replace('/', '_')
    assert list((tmp_path / 'work').glob(f'best_{best}_epoch_*.pth'))
    scores = runner.test()
    assert config.default_hooks.checkpoint.save_best in scores
