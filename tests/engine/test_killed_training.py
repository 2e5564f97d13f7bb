"""A signal at any moment, resume: the run ends as if nothing had been."""

import os
import random
import signal

import pytest
import torch

from tests.helpers.fork_server import fork_server
from tests.helpers.killed_training import train

ITERATIONS = 8
COMPARED = ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
KEPT = ('feedback_moments', 'pseudo_label_prior', 'best_score')


@pytest.fixture(scope='module')
def start():
    """Function that trains in a fresh process and gives its exit code."""
    context = fork_server()

    def start(config, kill=None):
        process = context.Process(
            target=train, args=(config._cfg_dict.to_dict(), kill)
        )
        process.start()
        process.join(300)
        return process.exitcode

    return start


@pytest.fixture(scope='module')
def whole(start):
    """Function that gives the final state of an uninterrupted run.

    Args:
        name: Runs of one name end alike, so that one of them is enough.
    """
    states = {}

    def whole(config, name):
        if name not in states:
            assert start(config) == 0
            states[name] = final_state(config)
        config.work_dir += '_2'
        return states[name]

    return whole


@pytest.fixture
def config(spatial_config):
    cfg = spatial_config
    cfg.train_cfg.update(
        max_iters=ITERATIONS, logit_adjustment=1.0, val_interval=4
    )
    cfg.default_hooks.checkpoint = dict(
        type='SafeCheckpointHook',
        by_epoch=False,
        interval=2,
        max_keep_ckpts=1,
        save_best='student/macro_f1',
        rule='greater',
    )
    cfg.custom_hooks = [
        dict(
            type='FeedbackLossHook',
            weight=0.5,
            moving_baseline=True,
            normalize=True,
            clip=3.0,
            ramp_up=5,
        ),
        dict(type='EMAHook', momentum=0.1, update_buffers=True),
    ]
    return cfg


@pytest.fixture
def epoch_config(spatial_config):
    """Three epochs of four batches with random depth and random views."""
    cfg = spatial_config
    preprocessor = cfg.model.data_preprocessor
    cfg.model = dict(cfg.model.network, data_preprocessor=preprocessor)
    cfg.model.backbone.drop_path_rate = 0.5
    cfg.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    cfg.train_dataloader.batch_size = 4
    cfg.val_dataloader.batch_size = 2
    cfg.train_cfg = dict(type='ResumableEpochLoop', max_epochs=3)
    sgd = dict(type='SGD', lr=0.05, momentum=0.9)
    cfg.optim_wrapper = dict(optimizer=sgd)
    cfg.param_scheduler = dict(
        type='CosineAnnealingLR', T_max=3, convert_to_iter_based=True
    )
    cfg.val_evaluator = dict(type='MacroF1Metric')
    cfg.default_hooks.checkpoint = dict(
        type='SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=1,
        save_best='macro_f1',
        rule='greater',
    )
    cfg.log_processor = dict(by_epoch=True)
    cfg.custom_hooks = [
        dict(type='EMAHook', momentum=0.1, update_buffers=True)
    ]
    return cfg


def final_state(config):
    path = open(f'{config.work_dir}/last_checkpoint').read()
    checkpoint = torch.load(path, weights_only=False)
    state = {name: checkpoint[name] for name in COMPARED}
    info = checkpoint['message_hub']['runtime_info']
    state.update({name: info[name] for name in KEPT if name in info})
    folder = [x for x in os.listdir(config.work_dir) if '.pth' in x]
    state['names'] = dict.fromkeys(sorted(folder), 1)
    return state


def leaves(value, name=''):
    """All tensors and numbers of nested containers, by name."""
    if isinstance(value, dict):
        value = value.items()
    elif isinstance(value, (list, tuple)):
        value = enumerate(value)
    else:
        return {name: value}
    return {
        k: v
        for key, part in value
        for k, v in leaves(part, f'{name}.{key}').items()
    }


def assert_same(found, expected):
    """Equal bit for bit, name for name."""
    found, expected = leaves(found), leaves(expected)
    assert list(found) == list(expected) and len(found) > 200
    for name, value in found.items():
        same = value == expected[name]
        assert bool(torch.as_tensor(same).all()), name


@pytest.mark.parametrize('workers', [0, 2])
def test_ten_kills(config, start, workers):
    for loader in (
        config.train_dataloader,
        config.train_cfg.unlabeled_dataloader,
    ):
        loader.update(num_workers=workers, persistent_workers=workers > 0)
    whole_dir = config.work_dir
    assert start(config) == 0
    expected = final_state(config)
    assert 'feedback_moments' in expected and 'best_score' in expected
    draw = random.Random(workers)
    for number in range(10):
        kill = (
            draw.randrange(ITERATIONS),
            draw.choice(['before', 'between', 'after']),
        )
        config.work_dir = f'{whole_dir}_{number}'
        config.resume = False
        assert start(config, kill) == -signal.SIGKILL, kill
        config.resume = True
        assert start(config) == 0, kill
        assert_same(final_state(config), expected)


def test_kill_while_a_checkpoint_is_written(config, start):
    """The third file is half there; the run goes on from the one before."""
    config.default_hooks.checkpoint.save_best = None
    assert start(config) == 0
    expected = final_state(config)
    config.work_dir += '_2'
    assert start(config, 'checkpoint') == -signal.SIGKILL
    names = os.listdir(config.work_dir)
    assert 'iter_4.pth' in names and 'iter_6.pth' not in names
    config.resume = True
    assert start(config) == 0
    assert_same(final_state(config), expected)


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize(
    'moment, iteration',
    [('before', 4), ('between', 5), ('after', 0), ('validation', 3)],
)
def test_told_to_end(config, start, whole, workers, moment, iteration):
    """SIGTERM: the iteration is finished and saved."""
    for loader in (
        config.train_dataloader,
        config.train_cfg.unlabeled_dataloader,
        config.val_dataloader,
    ):
        loader.update(num_workers=workers, persistent_workers=workers > 0)
    config.default_hooks.checkpoint.interval = 4
    config.val_dataloader.batch_size = 2
    expected = whole(config, 'spatial')
    check_interrupted(config, start, expected, iteration, moment)


@pytest.mark.parametrize(
    'moment, iteration',
    [
        ('before', 0),
        ('after', 3),
        ('validation', 3),
        ('before', 6),
        ('validation', 7),
        ('after', 10),
    ],
)
def test_epochs_killed(epoch_config, start, whole, iteration, moment):
    config = epoch_config
    expected = whole(config, 'epochs')
    assert 'best_score' in expected
    assert start(config, (iteration, moment)) == -signal.SIGKILL
    config.resume = True
    assert start(config) == 0
    assert_same(final_state(config), expected)


@pytest.mark.parametrize(
    'moment, iteration',
    [('before', 0), ('after', 5), ('validation', 7), ('after', 11)],
)
def test_epochs_told_to_end(epoch_config, start, whole, moment, iteration):
    expected = whole(epoch_config, 'epochs')
    check_interrupted(epoch_config, start, expected, iteration, moment)


@pytest.mark.parametrize('moment', ['after', 'validation'])
def test_checkpoints_within_an_epoch(epoch_config, start, moment):
    """By iterations: in the middle of an epoch, at its end, at both."""
    config = epoch_config
    config.default_hooks.checkpoint.update(by_epoch=False, interval=2)
    config.train_cfg.val_interval = 1
    assert start(config) == 0
    expected = final_state(config)
    config.work_dir += '_2'
    for iteration in (5, 6) if moment == 'after' else (7,):
        config.resume = False
        assert start(config, (iteration, moment)) == -signal.SIGKILL
        config.resume = True
        assert start(config) == 0
        assert_same(final_state(config), expected)
        config.work_dir += '_2'


@pytest.mark.parametrize('loop', ['epochs', 'iterations'])
def test_accumulated_gradients_are_stepped_before_the_end(
    epoch_config, start, loop
):
    config = epoch_config
    config.optim_wrapper.accumulative_counts = 2
    if loop == 'iterations':
        config.train_cfg = dict(
            type='ResumableTrainLoop', max_iters=12, val_interval=4
        )
        config.default_hooks.checkpoint.update(by_epoch=False, interval=4)
        config.param_scheduler.pop('convert_to_iter_based')
        config.param_scheduler.update(by_epoch=False, T_max=12)
        config.log_processor = dict(by_epoch=False)
        config.train_dataloader.sampler = dict(
            type='ClassBalancedSampler', seed=0
        )
    assert start(config) == 0
    expected = final_state(config)
    config.work_dir += '_2'
    # Told after the fifth iteration, whose gradients wait for the sixth.
    signal_after = (4, 'after', signal.SIGTERM)
    assert start(config, signal_after) == 128 + signal.SIGTERM
    saved = torch.load(
        f'{config.work_dir}/interrupted.pth', weights_only=False
    )
    assert saved['meta']['iter'] == 6
    config.resume = True
    assert start(config) == 0
    assert_same(final_state(config), expected)


def test_a_validation_that_is_saved_is_not_repeated(epoch_config, start):
    """A second one would count twice for whoever waits for no gain."""
    config = epoch_config
    config.train_cfg.max_epochs = 6
    config.param_scheduler = dict(
        type='ReduceOnPlateauLR',
        monitor='macro_f1',
        rule='greater',
        patience=0,
        threshold=1.0,
    )
    assert start(config) == 0
    expected = final_state(config)
    config.work_dir += '_2'
    signal_then = (7, 'validated', signal.SIGTERM)
    assert start(config, signal_then) == 128 + signal.SIGTERM
    config.resume = True
    assert start(config) == 0
    assert_same(final_state(config), expected)


def check_interrupted(config, start, expected, iteration, moment):
    code = 128 + signal.SIGTERM
    assert start(config, (iteration, moment, signal.SIGTERM)) == code
    path = open(f'{config.work_dir}/last_checkpoint').read()
    # Where a checkpoint or an epoch ends, its file is enough.
    between = (iteration + 1) % 4 != 0
    assert (os.path.basename(path) == 'interrupted.pth') is between
    saved = torch.load(path, weights_only=False)
    assert saved['meta']['iter'] == iteration + 1
    config.resume = True
    assert start(config) == 0
    assert_same(final_state(config), expected)
