import copy
from pathlib import Path

import pytest
import torch
from mmengine.registry import DATASETS
from torch.testing import assert_close

from fer_ssl.engine.hooks import ClassPriorHook
from fer_ssl.evaluation.functional.class_prior import estimate_class_prior
from tests.helpers.ranks import train_on_ranks

HOOK = dict(type='ClassPriorHook', num_faces=20, min_prior=0.01)


@pytest.fixture
def config(one_network):
    cfg = one_network
    cfg.model.head.type = 'PriorLinearHead'
    cfg.model.head.init_cfg.std = 2.0
    cfg.val_evaluator = [
        dict(type='MacroF1Metric', prefix='prior'),
        dict(type='MacroF1Metric', prefix='balanced', network='balanced'),
    ]
    unlabeled = copy.deepcopy(
        cfg.train_cfg.unlabeled_dataloader.dataset.to_dict()
    )
    del unlabeled['pipeline'][1]  # one view
    cfg.custom_hooks = [dict(HOOK, dataset=unlabeled)]
    cfg.train_cfg.method = dict(type='FixMatch', threshold=0.5)
    return cfg


def expected_prior(dataset, network):
    """Prior of the faces that the hook draws, from single predictions."""
    dataset = DATASETS.build(dataset)
    order = torch.randperm(
        len(dataset), generator=torch.Generator().manual_seed(0)
    )
    assert len(dataset) > 20
    network.eval()
    probs = []
    for index in order[:20].tolist():
        inputs = dataset[index]['inputs'][None]
        data = network.data_preprocessor(dict(inputs=inputs))
        with torch.no_grad():
            probs.append(network(data['inputs'], mode='tensor').softmax(1))
    return estimate_class_prior(torch.cat(probs)).clamp(min=0.01)


@pytest.mark.parametrize('averaged', [False, True])
def test_prior_at_the_end_of_the_training(config, build_runner, averaged):
    if averaged:
        config.custom_hooks.append(
            dict(type='EMAHook', momentum=0.3, update_buffers=True)
        )
    runner = build_runner(config)
    runner.train()
    saved = torch.load(f'{config.work_dir}/iter_6.pth', weights_only=False)
    network = copy.deepcopy(runner.model)
    # The saved weights are the averaged ones.
    network.load_state_dict(saved['state_dict'])
    prior = expected_prior(config.custom_hooks[0].dataset, network)
    assert prior.max() > 0.4
    log_prior = saved['state_dict']['head.log_prior']
    assert_close(log_prior, (3 * prior).log(), rtol=1e-4, atol=1e-4)
    assert_close(runner.model.head.log_prior, log_prior)
    middle = torch.load(f'{config.work_dir}/iter_3.pth', weights_only=False)
    assert not middle['state_dict']['head.log_prior'].any()


@pytest.mark.parametrize(
    'faces, warned', [([0, 1, 1], True), ([0, 1, 2], False)]
)
def test_class_that_no_face_shows(
    config, build_runner, monkeypatch, faces, warned
):
    probs = torch.eye(3)[faces]
    monkeypatch.setattr(ClassPriorHook, '_predict', lambda *_: probs)
    build_runner(config).train()
    (log,) = Path(config.work_dir).glob('*/*.log')
    assert ('to belong to classes [2]' in log.read_text()) == warned


def test_training_mode_and_weights_stay(config, build_runner):
    plain = build_runner(config, custom_hooks=[])
    plain.train()
    runner = build_runner(config, work_dir=f'{config.work_dir}_2')
    runner.train()
    expected = plain.model.state_dict()
    for name, value in runner.model.state_dict().items():
        if name != 'head.log_prior':
            assert torch.equal(value, expected[name]), name


def test_unlabeled_faces_of_the_training(config, build_runner):
    hook = dict(config.custom_hooks[0])
    dataset = hook.pop('dataset')
    config.train_cfg.method = dict(type='Supervised')
    config.train_cfg.unlabeled_dataloader.dataset = dataset
    config.custom_hooks = [hook]
    runner = build_runner(config)
    runner.train()
    assert runner.train_loop.unlabeled_dataloader is None
    expected = (3 * expected_prior(dataset, runner.model)).log()
    assert expected.abs().max() > 0.1
    assert_close(runner.model.head.log_prior, expected, rtol=1e-4, atol=1e-4)


def test_no_faces(config, build_runner):
    del config.custom_hooks[0]['dataset']
    del config.train_cfg['unlabeled_dataloader']
    config.train_cfg.method = dict(type='Supervised')
    with pytest.raises(ValueError, match='ClassPriorHook has no faces: set'):
        build_runner(config).train()


def test_several_views_are_refused_before_the_training(config, build_runner):
    config.custom_hooks = [HOOK]
    runner = build_runner(config)
    with pytest.raises(ValueError, match='no MultiView'):
        runner.train()
    assert runner.iter == 0


def test_another_head_is_refused(config, build_runner):
    config.model.head.type = 'LinearClsHead'
    config.val_evaluator = config.val_evaluator[0]
    with pytest.raises(ValueError, match="type='PriorLinearHead', found Lin"):
        build_runner(config).train()


def test_label_distributions_keep_the_uniform_prior(config, build_runner):
    config.train_dataloader.dataset.pipeline.insert(
        1, dict(type='LabelDistribution', num_classes=3)
    )
    runner = build_runner(config)
    runner.train()
    assert not runner.model.head.log_prior.any()
    (log,) = Path(config.work_dir).glob('*/*.log')
    assert 'The class prior stays uniform' in log.read_text()


def test_student_is_refused(spatial_config, build_runner):
    spatial_config.model.network.head.type = 'PriorLinearHead'
    spatial_config.custom_hooks = [HOOK]
    with pytest.raises(ValueError, match='student of a TeacherStudent learns'):
        build_runner(spatial_config).train()


def test_all_ranks_have_one_prior(config, tmp_path):
    """Each rank has BatchNorm statistics of its own, and no averaged ones."""
    path = f'{tmp_path}/result'
    _, first = train_on_ranks(config._cfg_dict.to_dict(), 2, path)
    _, second = torch.load(f'{path}.1', weights_only=False)
    assert first['head.log_prior'].any()
    assert torch.equal(first['head.log_prior'], second['head.log_prior'])
    name = 'backbone.bn1.running_mean'
    assert not torch.equal(first[name], second[name])
