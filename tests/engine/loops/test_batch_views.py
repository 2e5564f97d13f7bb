"""Views of whole batches, labeled-only iterations and the averaged teacher."""

import copy
import os

import pytest
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from torch.testing import assert_close

from fer_ssl.engine.averaged_models import averaged_models
from fer_ssl.models.methods import BaseMethod, MethodResult
from tests.datasets.faces.fer_plus_files import write_fer_plus
from tests.helpers.recorder import Recorder
from tests.helpers.tiny_networks import use_eight_channels

FLIP = dict(type='RandomHorizontalFlip', p=0.5)
VIEWS = dict(
    weak=[FLIP],
    strong=[FLIP, dict(type='RandomBrightness', brightness=(0.5, 1.5), p=1.0)],
)
METHOD = dict(type='FixMatch', threshold=0.5)


@pytest.fixture
def config(one_network):
    """One network, faces in memory, views of whole batches."""
    one_view(one_network)
    one_network.train_cfg.update(method=dict(METHOD), views=VIEWS)
    return one_network


def one_view(cfg):
    """Let both loaders give bare faces from memory."""
    unlabeled = cfg.train_cfg.unlabeled_dataloader
    for loader in (cfg.train_dataloader, unlabeled):
        del loader.dataset.pipeline[1]
        loader.dataset = dict(type='CachedFaces', dataset=loader.dataset)


class Spy(BaseMethod):
    """Keeps the batches; its loss is that of the labeled faces."""

    def loss(self, network, batch, iteration):
        self.batches = [*getattr(self, 'batches', []), batch]
        logits = network(batch.faces, mode='tensor')
        loss = F.cross_entropy(logits, batch.labels)
        return MethodResult(dict(loss_spy=loss))


def spied(runner, **options):
    method = Spy(
        num_classes=3,
        num_labeled=15,
        num_unlabeled=27,
        max_iters=6,
        **options,
    )
    runner.train_loop.method = method
    return method


def same_up_to_a_flip(view, face):
    return torch.allclose(view, face, atol=1e-4) or torch.allclose(
        view, face.flip(-1), atol=1e-4
    )


def faces_of(recorder):
    """Labeled and unlabeled faces of the recorded batch, without views."""
    normalize = recorder.model.data_preprocessor
    return [
        normalize(dict(inputs=recorder.batch[name]['inputs']))['inputs']
        for name in ('labeled', 'unlabeled')
    ]


def test_views_are_of_the_faces_of_the_batch(config, build_runner):
    config.train_cfg.labeled_views = ['weak', 'strong', 'weak']
    runner = build_runner(config)
    method = spied(runner)
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    runner.train()
    batch = method.batches[0]
    labeled, unlabeled = faces_of(recorder)
    samples = recorder.batch['labeled']['data_samples']
    labels = torch.cat([x.gt_label for x in samples])
    assert batch.labels.tolist() == labels.tolist() * 3
    first, strong, second = batch.faces.split(6)
    (weak,) = batch.weak
    for views, faces in (
        (first, labeled),
        (second, labeled),
        (weak, unlabeled),
    ):
        assert len(views) == len(faces)
        assert all(map(same_up_to_a_flip, views, faces))
    for views, faces in ((strong, labeled), (batch.strong, unlabeled)):
        assert not any(map(same_up_to_a_flip, views, faces))
    assert not torch.equal(first, second), 'each view has its own draw'


class SameFaces(Hook):
    """Gives the faces of the first iteration to every iteration."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0:
            self.first = dict(data_batch)
        data_batch.update(self.first)


def test_each_iteration_has_its_own_draw(config, build_runner):
    runner = build_runner(config)
    method = spied(runner)
    runner.register_hook(SameFaces())
    runner.train()
    first, second, *_ = method.batches
    assert torch.equal(first.labels, second.labels)
    assert all(map(same_up_to_a_flip, second.weak[0], first.weak[0]))
    for one, two in (
        (first.faces, second.faces),
        (first.weak[0], second.weak[0]),
        (first.strong, second.strong),
    ):
        assert not torch.allclose(one, two, atol=1e-2)


# Votes of people, and their fractions for neutral, anger and happiness.
VOTES = {
    'a.png': (6, 0, 0, 0, 3, 1, 0, 0, 0, 0),
    'b.png': (0, 8, 0, 0, 2, 0, 0, 0, 0, 0),
    'c.png': (2, 1, 0, 0, 7, 0, 0, 0, 0, 0),
}
SCORES = {
    'a.png': [6 / 9, 3 / 9, 0],
    'b.png': [0, 0.2, 0.8],
    'c.png': [0.2, 0.7, 0.1],
}


def test_label_distributions_from_the_votes_to_the_loss(
    config, build_runner, tmp_path
):
    rows = [('Training', *row) for row in VOTES.items()]
    faces = config.train_dataloader.dataset.dataset
    config.train_dataloader.dataset.dataset = dict(
        write_fer_plus(tmp_path / 'fer_plus', rows=rows),
        voting='distribution',
        metainfo=faces.metainfo,
        pipeline=faces.pipeline,
    )
    config.train_cfg.labeled_views = ['weak', 'strong']
    runner = build_runner(config)
    method = spied(runner)
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    runner.train()
    samples = recorder.batch['labeled']['data_samples']
    names = [os.path.basename(x.img_path) for x in samples]
    assert set(names) == set(SCORES)
    expected = torch.tensor([SCORES[name] for name in names * 2])
    assert_close(method.batches[0].labels, expected)


def test_resume_equals_an_uninterrupted_run(config, build_runner):
    config.custom_hooks = [
        dict(type='EMAHook', momentum=0.1, update_buffers=True)
    ]
    config.train_cfg.method = dict(
        type='SimPro', threshold=0.0, teacher=True, warm_start=0.3, ramp=0.2
    )
    runner = build_runner(config)
    runner.train()
    again = build_runner(
        config,
        load_from=f'{config.work_dir}/iter_3.pth',
        resume=True,
        work_dir=f'{config.work_dir}_2',
    )
    again.train()
    expected = runner.model.state_dict()
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, expected[name]), name
    prior = runner.train_loop.method.prior
    assert torch.equal(again.train_loop.method.prior, prior)
    assert not torch.allclose(prior, torch.full((3,), 1 / 3))


def test_supervised_training_has_no_unlabeled_faces(config, build_runner):
    config.train_cfg.method = dict(type='Supervised')
    runner = build_runner(config)
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    runner.train()
    assert set(recorder.batch) == {'labeled'}
    for log in recorder.outputs:
        assert set(log) == {'loss', 'loss_supervised'}
        assert log['loss'] == log['loss_supervised'] > 0


def test_method_without_its_unlabeled_faces(config, build_runner):
    del config.train_cfg['unlabeled_dataloader']
    with pytest.raises(ValueError, match='FixMatch learns from unlabeled'):
        build_runner(config).train()


def test_warm_start_is_the_same_for_every_method(config, build_runner):
    """The weights are the same until the first unlabeled face."""
    weights = []
    for method in (dict(type='PseudoLabel'), dict(METHOD)):
        method['warm_start'] = 0.5
        config.train_cfg.method = method
        runner = build_runner(config)
        recorder = Recorder(at=3)
        runner.register_hook(recorder)
        runner.train()
        weights.append(recorder.model.state_dict())
        unsupervised = ['loss_unsupervised' in x for x in recorder.outputs]
    assert unsupervised == [False] * 3 + [True] * 3
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


@pytest.mark.parametrize('mode', ['joint', 'separate', 'teacher'])
def test_losses_of_the_three_ways_to_label(config, build_runner, mode):
    options = dict(
        joint={}, separate=dict(separate_weak_pass=True), teacher={}
    )[mode]
    config.train_cfg.method = dict(METHOD, **options)
    if mode == 'teacher':
        config.train_cfg.method.teacher = True
        config.custom_hooks = [
            dict(type='EMAHook', momentum=0.5, update_buffers=True)
        ]
    runner = build_runner(config)
    kept = Keep()
    runner.register_hook(kept)
    recorder = Recorder(at=4)
    runner.register_hook(recorder)
    runner.train()

    model, batch = recorder.model.train(), kept.batch
    weak, strong = batch.weak[0], batch.strong
    if mode == 'joint':
        faces = torch.cat([batch.faces, weak, strong])
        logits, q, s = model(faces).split([6, 8, 8])
    else:
        if mode == 'separate':
            q = model(weak)
        else:
            q = kept.averaged.eval()(weak)
        logits, s = model(torch.cat([batch.faces, strong])).split([6, 8])
    confidence, target = q.softmax(1).max(1)
    confident = confidence >= 0.5
    assert confident.any()
    loss = (F.cross_entropy(s, target, reduction='none') * confident).mean()
    log = recorder.outputs[4]
    assert_close(log['loss_unsupervised'], loss.item(), rtol=1e-4, atol=1e-6)
    supervised = F.cross_entropy(logits, batch.labels).item()
    assert_close(log['loss_supervised'], supervised, rtol=1e-4, atol=1e-6)


class Keep(Recorder):
    """Keeps the method's batch and the averaged network of iteration 4."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        loop = runner.train_loop
        if batch_idx == 0:
            compute = loop.method.loss

            def loss(network, batch, iteration):
                if iteration == 4:
                    self.batch = batch
                return compute(network, batch, iteration)

            loop.method.loss = loss
        if batch_idx == 4 and loop.method.uses_teacher:
            self.averaged = copy.deepcopy(loop.teacher)


def test_teacher_without_averaged_weights(config, build_runner):
    config.train_cfg.method.teacher = True
    with pytest.raises(ValueError, match="add dict\\(type='EMAHook'"):
        build_runner(config).train()


@pytest.mark.parametrize('update_buffers', [False, True])
def test_channels_last_gives_the_same_weights(
    config, build_runner, update_buffers
):
    use_eight_channels(config.model)
    config.custom_hooks = [
        dict(type='EMAHook', momentum=0.5, update_buffers=update_buffers)
    ]
    results, averages = [], []
    for channels_last in (False, True):
        config.train_cfg.channels_last = channels_last
        runner = build_runner(config, **{'train_cfg.max_iters': 2})
        results.append(runner.train().state_dict())
        (averaged,) = averaged_models(runner)
        averages.append(averaged.module.state_dict())
    name = 'backbone.conv1.weight'
    for states in (results, averages):
        assert states[1][name].is_contiguous(memory_format=torch.channels_last)
        for key, value in states[0].items():
            assert_close(states[1][key], value, rtol=1e-3, atol=1e-5)
    assert not torch.allclose(averages[1][name], results[1][name], rtol=1e-4)


def test_paper_a_with_views_of_batches(spatial_config, build_runner):
    one_view(spatial_config)
    spatial_config.train_cfg.views = VIEWS
    runner = build_runner(spatial_config)
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    loop, batches = runner.train_loop, []
    split = loop._micro_batches

    def record(data_batch):
        batches.extend(split(data_batch))
        return batches[-1:]

    loop._micro_batches = record
    runner.train()
    labeled, unlabeled = faces_of(recorder)
    batch = batches[0]
    assert all(map(same_up_to_a_flip, batch.faces, labeled))
    assert all(map(same_up_to_a_flip, batch.weak, unlabeled))
    assert not any(map(same_up_to_a_flip, batch.strong, unlabeled))
    assert torch.equal(batch.view, batch.strong), 'view of the student'
    assert len(recorder.outputs) == 6
    assert all(log['teacher/loss_supervised'] > 0 for log in recorder.outputs)


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(views=dict(weak=[FLIP], _delete_=True)),
            'views must be dict.weak=.*found weak',
        ),
        (dict(labeled_views=['strog']), 'must name at least one'),
        (dict(labeled_views=[]), 'must name at least one'),
        (dict(views=None, labeled_views=['strong']), 'needs train_cfg.views'),
    ],
)
def test_invalid_views(config, build_runner, changes, message):
    changes = {f'train_cfg.{key}': value for key, value in changes.items()}
    with pytest.raises(ValueError, match=message):
        build_runner(config, **changes).train()


def test_loader_with_several_views_is_refused(config, build_runner):
    dataset = config.train_cfg.unlabeled_dataloader.dataset.dataset
    flip = dict(type='RandomFlip', prob=0.5, direction='horizontal')
    multi = dict(type='MultiView', num_views=[1, 1], transforms=[[flip]] * 2)
    dataset.pipeline.insert(1, multi)
    config.train_cfg.unlabeled_dataloader.dataset = dataset
    with pytest.raises(ValueError, match='remove MultiView'):
        build_runner(config).train()
