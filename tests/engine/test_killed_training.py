"""SIGKILL at any moment, resume: the run ends as if nothing had been."""

import multiprocessing
import os
import random
import signal

import pytest
import torch
from killed_training import train

ITERATIONS = 8
COMPARED = ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
KEPT = ('feedback_moments', 'pseudo_label_prior', 'best_score')


@pytest.fixture(scope='module')
def start():
    """Function that trains in a fresh process and gives its exit code."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(
        ['killed_training', 'mmpretrain.models', 'mmpretrain.datasets']
    )

    def start(config, kill=None):
        process = context.Process(
            target=train, args=(config._cfg_dict.to_dict(), kill)
        )
        process.start()
        process.join(300)
        return process.exitcode

    return start


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


def final_state(config):
    path = f'{config.work_dir}/iter_{ITERATIONS}.pth'
    checkpoint = torch.load(path, weights_only=False)
    state = {name: checkpoint[name] for name in COMPARED}
    info = checkpoint['message_hub']['runtime_info']
    state.update({name: info[name] for name in KEPT if name in info})
    assert 'feedback_moments' in state and 'pseudo_label_prior' in state
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
    assert list(found) == list(expected) and len(found) > 400
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
