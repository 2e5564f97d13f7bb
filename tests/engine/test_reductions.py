"""Counts the reductions that docs/scaling.md states."""

import re
import runpy
from pathlib import Path

import pytest
from mmengine.registry import MODELS, init_default_scope

from tests.helpers.forked_script import run_script
from tests.helpers.ranks import train_on_ranks

TOOL = Path(__file__).parents[2] / 'tools/benchmark/scaling.py'
SCALING = runpy.run_path(str(TOOL))


@pytest.fixture
def config(spatial_config):
    cfg = spatial_config
    cfg.model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')
    cfg.custom_hooks = [dict(type='FeedbackLossHook')]
    return cfg


@pytest.mark.parametrize(
    'feedback, accumulation',
    [('none', 1), ('jvp', 1), ('dot', 1), ('dot', 2), ('expected', 1)],
)
def test_reductions_of_a_step(config, tmp_path, feedback, accumulation):
    """They do not depend on the number of micro-batches."""
    cfg = config
    cfg.train_cfg.update(
        max_iters=2,
        feedback=None if feedback == 'none' else feedback,
        accumulation=accumulation,
    )
    cfg.custom_hooks.append(
        dict(type='tests.helpers.count_reductions.CountReductions')
    )
    init_default_scope('mmpretrain')
    network = MODELS.build(cfg.model.network)
    weights = sum(p.numel() for p in network.parameters())
    logs, _ = train_on_ranks(
        cfg._cfg_dict.to_dict() | dict(experiment_name=str(tmp_path)),
        2,
        str(tmp_path / 'result.pth'),
    )
    for step in logs:
        assert step['reduced/ddp'] == 2 * weights
        extra, small = divmod(step['reduced/other'], weights)
        assert extra == SCALING['REDUCTIONS'][feedback] - 2
        assert small < 100  # the numbers of the log, the coefficient
        assert step['reduced/calls'] <= SCALING['SMALL_REDUCTIONS'] + extra


def test_check_of_the_formula(config, tmp_path):
    path = tmp_path / 'small.py'
    config.default_hooks.logger = dict(type='LoggerHook', interval=1)
    config.dump(str(path))
    done = run_script(TOOL, '--check', path, '--iterations=4', cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    link = re.search(r'link: ([\d.]+) GB/s, (\d+) us', done.stdout)
    assert min(map(float, link.groups())) > 0
    apart = re.search(r'trainings: ([\d.]+) and ([\d.]+) ms', done.stdout)
    both = re.search(r': ([\d.]+) ms predicted, ([\d.]+) ms meas', done.stdout)
    assert min(map(float, apart.groups())) > 0
    # the slower of the two, and the reductions
    assert float(both[1]) > max(map(float, apart.groups()))
    assert float(both[2]) > 0
