import pytest
from mmengine.hooks import CheckpointHook, EMAHook
from torch import nn

from fer_ssl.engine import SettingsCheckHook
from fer_ssl.engine.hooks.settings_check_hook import (
    check_heads,
    unit_warnings,
)
from fer_ssl.labels import ABAW_TRACKS
from fer_ssl.models.heads import MultiTaskFrameHead, TemporalFrameHead

ENCODER = dict(type='RecurrentEncoder', in_channels=8, embed_dims=8)


@pytest.mark.parametrize('outputs', [2, 4])
def test_teacher_and_student(spatial_config, build_runner, outputs):
    spatial_config.model.network.head.num_classes = outputs
    runner = build_runner(spatial_config)
    runner.register_hook(SettingsCheckHook(), 'HIGHEST')
    words = (
        rf'model\.network\.head\.num_classes={outputs}, but the data of '
        'train_dataloader has 3 classes: neutral, anger, happiness'
    )
    with pytest.raises(ValueError, match=words):
        runner.train()
    assert runner.iter == 0


def test_data_of_the_validation(spatial_config, build_runner):
    classes = ('neutral', 'anger', 'happiness', 'other')
    spatial_config.val_dataloader.dataset.metainfo = dict(classes=classes)
    runner = build_runner(spatial_config)
    runner.register_hook(SettingsCheckHook(), 'HIGHEST')
    with pytest.raises(ValueError, match='data of val_dataloader has 4'):
        runner.train()


class Model(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.cls_head = head


def test_heads_of_frames():
    for track in ('EXPR', 'VA', 'AU'):
        names = ABAW_TRACKS[track]
        head = TemporalFrameHead(len(names), ENCODER)
        check_heads(Model(head), dict(classes=names), 'data')
        with pytest.raises(ValueError, match='model.cls_head.num_classes='):
            check_heads(Model(head), dict(classes=names[1:]), 'data')
    tasks = dict(
        EXPR=dict(type='ExpressionTask', num_outputs=7),
        AU=dict(type='ActionUnitTask'),
    )
    model = Model(MultiTaskFrameHead(tasks, ENCODER))
    names = dict(AU=ABAW_TRACKS['AU'], EXPR=ABAW_TRACKS['EXPR'][:7])
    check_heads(model, dict(tasks=names), 'data')
    words = r'model\.cls_head\.tasks\.EXPR\.num_outputs=7, but .* 8 classes'
    with pytest.raises(ValueError, match=words):
        check_heads(model, dict(tasks=ABAW_TRACKS), 'data')
    check_heads(model, {}, 'data')


def with_loop(runner):
    """Build what is built when the hook is called."""
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.param_schedulers = runner.build_param_scheduler(
        runner.param_schedulers
    )
    return runner


def test_epochs_in_a_loop_of_iterations(spatial_config, build_runner):
    steps = dict(type='MultiStepLR', milestones=[1, 2])
    spatial_config.param_scheduler = dict(teacher=steps, student=steps)
    spatial_config.log_processor.by_epoch = True
    runner = with_loop(build_runner(spatial_config))
    runner.register_hook(CheckpointHook(interval=2))
    runner.register_hook(EMAHook(begin_epoch=3))
    said = list(unit_warnings(runner))
    assert sorted(text.split()[0] for text in said) == [
        'CheckpointHook',
        'EMAHook',
        'LoggerHook',
        'MultiStepLR',
        'log_processor',
    ]
    assert 'it never changes anything. Set by_epoch=False' in said[0]


def test_shipped_units_are_not_warned_of(spatial_config, build_runner):
    spatial_config.default_hooks.logger = dict(
        type='LoggerHook', log_metric_by_epoch=False
    )
    runner = with_loop(build_runner(spatial_config))
    assert list(unit_warnings(runner)) == []


def test_iterations_in_a_loop_of_epochs(spatial_config, build_runner):
    data = spatial_config.train_dataloader
    data.sampler = dict(type='DefaultSampler', shuffle=True)
    spatial_config.train_cfg = dict(type='ResumableEpochLoop', max_epochs=3)
    steps = dict(type='MultiStepLR', milestones=[1, 2], by_epoch=False)
    warm_up = dict(type='LinearLR', by_epoch=False, end=2)
    spatial_config.param_scheduler = dict(
        teacher=[warm_up, steps], student=[warm_up, steps]
    )
    runner = with_loop(build_runner(spatial_config))
    milestones, checkpoints = unit_warnings(runner)
    assert milestones.startswith('MultiStepLR counts iterations')
    assert checkpoints.startswith('CheckpointHook acts every 3 iterations')
