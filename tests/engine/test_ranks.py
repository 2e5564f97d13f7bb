"""Two ranks with half of each batch equal one rank with the whole batch."""

import pytest
import torch
from torch.testing import assert_close

from tests.helpers.ranks import train_here, train_on_ranks

ESTIMATORS = (
    'dot',
    'jvp',
    'finite_difference',
    'expected',
    'per_sample',
    'public_recipe',
)


def assert_same(found, expected, estimator='dot'):
    """Compare logs and weights of two trainings."""
    # The difference of two losses in float32 keeps few digits.
    factor = 10 if estimator in ('finite_difference', 'public_recipe') else 1
    (logs_2, weights_2), (logs, weights) = found, expected
    assert len(logs) == len(logs_2) == 5
    for two, one in zip(logs_2, logs):
        assert_close(two, one, rtol=1e-3 * factor, atol=1e-6 * factor)
    assert list(weights_2) == list(weights)
    assert_close(weights_2, weights, rtol=1e-4 * factor, atol=1e-6 * factor)


@pytest.fixture
def config(spatial_config):
    """Config with BatchNorm in eval mode, independent of the batch."""
    cfg = spatial_config
    cfg.model.network.backbone.norm_eval = True
    cfg.train_cfg.update(max_iters=5, logit_adjustment=1.0)
    cfg.default_hooks.checkpoint.interval = 100
    cfg.custom_hooks = [
        dict(type='FeedbackLossHook', moving_baseline=True, normalize=True)
    ]
    cfg.model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')
    return cfg


def batch_sizes(config, labeled, unlabeled):
    config.train_dataloader.batch_size = labeled
    config.train_cfg.unlabeled_dataloader.batch_size = unlabeled
    return config._cfg_dict.to_dict()


@pytest.mark.parametrize('estimator', ESTIMATORS)
def test_two_ranks_equal_one(config, tmp_path, estimator):
    """Weights and every logged number, feedback included, after 5 steps."""
    config.train_cfg.feedback = estimator
    name = dict(experiment_name=str(tmp_path))
    whole = train_here(batch_sizes(config, 12, 16) | name)
    halves = train_on_ranks(
        batch_sizes(config, 6, 8), 2, str(tmp_path / 'result.pth')
    )
    assert {'feedback/mean', 'feedback/std'} < set(whole[0][0])
    assert_same(halves, whole, estimator)


@pytest.mark.parametrize('estimator', ESTIMATORS)
def test_micro_batches_equal_the_whole_batch(config, tmp_path, estimator):
    config.train_cfg.feedback = estimator
    sizes = batch_sizes(config, 12, 16)
    whole = train_here(sizes | dict(experiment_name=f'a{tmp_path}'))
    config.train_cfg.accumulation = 2
    sizes = batch_sizes(config, 12, 16)
    parts = train_here(sizes | dict(experiment_name=f'b{tmp_path}'))
    assert_same(parts, whole, estimator)


def test_two_ranks_with_micro_batches(config, tmp_path):
    """Several forward passes of a DDP network before its step."""
    sizes = batch_sizes(config, 12, 16) | dict(experiment_name=str(tmp_path))
    whole = train_here(sizes)
    config.train_cfg.accumulation = 2
    parts = train_on_ranks(
        batch_sizes(config, 6, 8), 2, str(tmp_path / 'result.pth')
    )
    assert_same(parts, whole)


def test_accumulation_belongs_to_the_loop(config, tmp_path):
    config.optim_wrapper.teacher.accumulative_counts = 2
    sizes = batch_sizes(config, 12, 16) | dict(experiment_name=str(tmp_path))
    with pytest.raises(ValueError, match='train_cfg.accumulation'):
        train_here(sizes)


def test_averages_resume_on_two_ranks(config, tmp_path):
    """EMAHook: the averages are resumed, not started again."""
    config.custom_hooks.append(
        dict(type='EMAHook', momentum=0.1, update_buffers=True)
    )
    config.default_hooks.checkpoint.interval = 1
    sizes = batch_sizes(config, 6, 8)
    train_on_ranks(sizes, 2, str(tmp_path / 'whole.pth'))
    work_dir = sizes['work_dir']
    resumed = dict(
        sizes,
        work_dir=f'{work_dir}_2',
        load_from=f'{work_dir}/iter_2.pth',
        resume=True,
    )
    train_on_ranks(resumed, 2, str(tmp_path / 'resumed.pth'))
    whole, again = (
        torch.load(f'{folder}/iter_5.pth', weights_only=False)
        for folder in (work_dir, resumed['work_dir'])
    )
    for name in ('state_dict', 'ema_state_dict'):
        assert_close(again[name], whole[name], rtol=1e-5, atol=1e-7)
