import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fer_ssl.models.methods import BaseMethod, MethodResult
from tests.helpers.ranks import train_here, train_on_ranks
from tests.helpers.recorder import Recorder
from tests.helpers.unlabeled_methods import UNLABELED_METHODS

# With these, an untrained network is confident of some faces only.
OPTIONS = dict(
    PseudoLabel=dict(ramp=(0.0, 0.5)),
    UDA=dict(threshold=0.5),
    FixMatch=dict(threshold=0.5),
    FlexMatch=dict(threshold=0.5),
    Dash=dict(warmup=0.4, steps=3, rho_min=0.7),
    AdaCM=dict(min_margin=0.5),
    DecoupledStudent=dict(threshold=0.36),
    NegativeLearning=dict(momentum=0.9),
    ReMixMatch=dict(ramp=0.5),
    AdaMatch=dict(threshold=1.0),
    DeFixMatch=dict(threshold=0.4),
    DebiasPL=dict(threshold=0.4, momentum=0.5),
    FreeMatch=dict(fairness_weight=1.0, momentum=0.5),
    SoftMatch=dict(momentum=0.5),
    SimPro=dict(threshold=0.36),
)
#: Number of logits of the second layer.
HEADS = dict(DecoupledStudent=3, ReMixMatch=4)
# These need two views of the labeled faces.
LABELED_VIEWS = ('AdaMatch', 'DeFixMatch')
AVERAGE = dict(type='EMAHook', momentum=0.1, update_buffers=True)

EXACT = dict(rtol=0, atol=0)


@pytest.fixture
def config(one_network):
    """Function that gives a training of one network with a method."""
    cfg = one_network

    def make(name, **options):
        cfg.train_cfg.method = dict(
            type=name, **OPTIONS.get(name, {}), **options
        )
        if name in HEADS:
            cfg.model.head.type = 'AuxiliaryLinearHead'
            cfg.model.head.num_auxiliary = HEADS[name]
        if name in ('MeanTeacher', 'NegativeLearning'):
            cfg.custom_hooks = [AVERAGE]
        views = cfg.train_cfg.unlabeled_dataloader.dataset.pipeline[1]
        views.num_views = [2 if name == 'AdaCM' else 1, 1]
        if name in LABELED_VIEWS:
            make_views_of_batches(cfg)
        return cfg

    return make


def make_views_of_batches(cfg):
    """Two views of each labeled face, without random numbers."""
    flip = dict(type='RandomHorizontalFlip', p=1.0)
    cfg.train_cfg.views = dict(weak=[], strong=[flip])
    cfg.train_cfg.labeled_views = ('weak', 'strong')
    for loader in (cfg.train_dataloader, cfg.train_cfg.unlabeled_dataloader):
        pipeline = loader.dataset.pipeline
        loader.dataset.pipeline = [pipeline[0], pipeline[-1]]


def resumed_training(config, build_runner):
    work_dir = config.work_dir
    return build_runner(
        config,
        load_from=f'{work_dir}/iter_3.pth',
        resume=True,
        work_dir=f'{work_dir}_2',
    )


def test_one_iteration_equals_the_written_out_one(config, build_runner):
    runner = build_runner(config('FixMatch'), **{'train_cfg.max_iters': 1})
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    trained = runner.train()

    model, batch = recorder.model, recorder.batch
    views = [batch['labeled']['inputs'], *batch['unlabeled']['inputs']]
    faces = [
        model.data_preprocessor(dict(inputs=x), True)['inputs'] for x in views
    ]
    labels = torch.cat([x.gt_label for x in batch['labeled']['data_samples']])
    labeled, weak, strong = model(torch.cat(faces)).split([6, 8, 8])
    confidence, target = weak.softmax(1).max(1)
    confident = confidence >= 0.5
    assert 0 < confident.sum() < 8
    loss_u = (
        F.cross_entropy(strong, target, reduction='none') * confident
    ).sum()
    losses = F.cross_entropy(labeled, labels), loss_u / 8
    grads = torch.autograd.grad(sum(losses), list(model.parameters()))
    with torch.no_grad():
        for p, g in zip(model.parameters(), grads):
            p -= 0.02 * 1.9 * g  # first step of SGD with Nesterov momentum
    expected = model.state_dict()
    for name, value in trained.state_dict().items():
        assert_close(value, expected[name], rtol=1e-4, atol=1e-6)

    outputs = recorder.outputs[0]
    truth = [x.gt_label for x in batch['unlabeled']['data_samples']]
    right = target == torch.cat(truth)
    expected = {
        'loss': sum(losses).item(),
        'loss_supervised': losses[0].item(),
        'loss_unsupervised': losses[1].item(),
        'pseudo_label/confident': confident.float().mean().item(),
        'pseudo_label/accuracy': right.float().mean().item(),
        'pseudo_label/confident_known': confident.float().mean().item(),
        'pseudo_label/confident_hits': (right & confident)
        .float()
        .mean()
        .item(),
    }
    for label, name in enumerate(runner.train_loop.classes):
        own = torch.cat(truth) == label
        expected[f'pseudo_label/known_{name}'] = own.float().mean().item()
        hits = (own & right).float().mean().item()
        expected[f'pseudo_label/hits_{name}'] = hits
    for name, value in expected.items():
        assert outputs[name] == pytest.approx(value, rel=1e-5), name


@pytest.mark.parametrize('name', UNLABELED_METHODS)
def test_resume_equals_an_uninterrupted_run(config, build_runner, name):
    """Weights, averaged weights and the state of the method agree."""
    cfg = config(name)
    cfg.custom_hooks = [AVERAGE]
    runner = build_runner(cfg)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    runner_2 = resumed_training(cfg, build_runner)
    runner_2.train()
    assert runner_2.iter == 6
    for one, two in (
        (runner.model, runner_2.model),
        (runner.train_loop.method, runner_2.train_loop.method),
    ):
        expected = one.state_dict()
        for key, value in two.state_dict().items():
            assert torch.equal(value, expected[key]), key
    whole, again = (
        torch.load(f'{folder}/iter_6.pth', weights_only=False)
        for folder in (cfg.work_dir, f'{cfg.work_dir}_2')
    )
    assert_close(again['ema_state_dict'], whole['ema_state_dict'], **EXACT)
    # A method without this number learns from all faces.
    shares = [x.get('pseudo_label/confident', 1) for x in recorder.outputs]
    assert max(shares) > 0
    method = runner.train_loop.method
    if list(method.buffers()):
        fresh = type(method)(
            num_classes=3, num_labeled=15, num_unlabeled=27, max_iters=6
        )
        pairs = zip(method.buffers(), fresh.buffers())
        assert not all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize('name', UNLABELED_METHODS)
def test_two_ranks_equal_one(config, tmp_path, name):
    """BatchNorm in eval mode.

    Ada-CM's negatives and the partners of MixUp are those of the rank. The
    methods with a second layer in the head start with labeled faces only, and
    DDP requires gradients of the layer there, too.
    """
    options = dict(
        AdaCM=dict(contrastive_weight=0.0), ReMixMatch=dict(alpha=0.0)
    ).get(name, {})
    if name in HEADS:
        options['warm_start'] = 0.34
    cfg = config(name, **options)
    if name == 'FreeMatch':
        # The fairness loss needs confident faces of several classes.
        cfg.randomness.seed = 1
    cfg.model.backbone.norm_eval = True
    cfg.default_hooks.checkpoint.interval = 100
    cfg.train_dataloader.batch_size = 6
    cfg.train_cfg.unlabeled_dataloader.batch_size = 8
    halves = train_on_ranks(
        cfg._cfg_dict.to_dict(), 2, str(tmp_path / 'result.pth')
    )
    cfg.train_dataloader.batch_size = 12
    cfg.train_cfg.unlabeled_dataloader.batch_size = 16
    cfg.experiment_name = str(tmp_path)
    whole = train_here(cfg._cfg_dict.to_dict())
    for two, one in zip(halves[0], whole[0]):
        assert_close(two, one, rtol=1e-3, atol=1e-5)
    assert_close(halves[1], whole[1], rtol=1e-4, atol=1e-6)
    last = whole[0][-3:]
    assert max(x.get('pseudo_label/confident', 1) for x in last) > 0
    fairness = [x.get('loss_fairness', 0) for x in whole[0]]
    assert any(fairness) == (name == 'FreeMatch')


@pytest.mark.parametrize('name', HEADS)
def test_second_layer_is_trained_averaged_and_saved(
    config, build_runner, name
):
    cfg = config(name)
    cfg.custom_hooks = [AVERAGE]
    runner = build_runner(cfg)
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    trained = runner.train().head.auxiliary_fc.weight
    start = recorder.model.head.auxiliary_fc.weight
    saved = torch.load(f'{cfg.work_dir}/iter_6.pth', weights_only=False)
    averaged = saved['ema_state_dict']['module.head.auxiliary_fc.weight']
    key = 'head.auxiliary_fc.weight'
    kinds = saved['state_dict'][key], averaged
    assert any(torch.equal(trained, x) for x in kinds)
    assert not torch.equal(*kinds)
    for weight in kinds:
        assert not torch.equal(weight, start)


@pytest.mark.parametrize('name', HEADS)
def test_another_head_is_refused_before_the_training(
    config, build_runner, name
):
    cfg = config(name, warm_start=0.9)
    cfg.model.head.num_auxiliary = 5
    message = f'{name} needs.*{HEADS[name]}.* found .*=5'
    with pytest.raises(ValueError, match=message):
        build_runner(cfg).train()


def test_indices_are_those_of_the_faces(config, build_runner):
    """Every face has its own number, in the order of the batch."""
    runner = build_runner(config('FixMatch'))
    loop = runner.train_loop
    seen = []

    class Spy(BaseMethod):
        def loss(self, network, batch, iteration):
            seen.append(batch.indices)
            logits = network(batch.strong, mode='tensor')
            confident = torch.ones(len(logits), dtype=torch.bool)
            targets = logits.detach().softmax(1)
            losses = dict(loss_nothing=logits.sum())
            return MethodResult(losses, logits.detach(), targets, confident)

    loop.method = Spy(3, 1, 1, 1)
    paths = []

    def collect(batch_idx, data_batch=None, **_):
        samples = data_batch['unlabeled']['data_samples']
        paths.append([sample.img_path for sample in samples])

    recorder = Recorder()
    recorder.before_train_iter = lambda runner, **kwargs: collect(**kwargs)
    runner.register_hook(recorder)
    runner.train()
    dataset = loop.unlabeled_dataloader.dataset
    for indices, batch in zip(seen, paths):
        found = [dataset.get_data_info(int(i))['img_path'] for i in indices]
        assert found == batch
    assert len(set(sum(paths[:3], []))) == 24, 'no face twice in a pass of 27'


def test_compiled(config, build_runner):
    """MMEngine compiles ``train_step``, which the loop does not call."""
    graphs = []

    def backend(graph, example):
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    torch._dynamo.register_backend(backend, 'count_method')
    build_runner(
        config('FixMatch'),
        **{'train_cfg.max_iters': 1},
        compile=dict(backend='count_method', dynamic=False),
    ).train()
    assert graphs, 'the network was not compiled'


def test_validation(config, build_runner):
    runner = build_runner(
        config('FixMatch'),
        **{'train_cfg.max_iters': 2, 'train_cfg.val_interval': 2},
    )
    runner.train()
    assert 'val/macro_f1' in runner.message_hub.log_scalars


def test_another_number_of_views(config, build_runner):
    cfg = config('AdaCM')
    cfg.train_cfg.unlabeled_dataloader.dataset.pipeline[1].num_views = [1, 1]
    with pytest.raises(ValueError, match=r'three views.*num_views=\[2, 1\]'):
        build_runner(cfg).train()


@pytest.mark.parametrize('name', LABELED_VIEWS)
def test_one_labeled_view(config, build_runner, name):
    cfg = config(name)
    cfg.train_cfg.labeled_views = ('weak',)
    message = rf"{name} needs .*labeled_views=\('weak', 'strong'\)"
    with pytest.raises(ValueError, match=message):
        build_runner(cfg).train()


def test_sampler_without_numbers(config, build_runner):
    cfg = config('FlexMatch')
    cfg.train_cfg.unlabeled_dataloader.sampler = dict(
        type='InfiniteSampler', shuffle=True
    )
    with pytest.raises(ValueError, match='InfiniteShuffleSampler'):
        build_runner(cfg).train()


def test_mixed_labels_are_refused(config, build_runner):
    cfg = config('FixMatch')
    cfg.model.data_preprocessor.batch_augments = dict(
        augments=[dict(type='Mixup', alpha=0.2)]
    )
    cfg.model.data_preprocessor.num_classes = 3
    with pytest.raises(ValueError, match='batch_augments'):
        build_runner(cfg).train()


def test_resuming_with_another_method(config, build_runner):
    cfg = config('FixMatch')
    build_runner(cfg).train()
    cfg.train_cfg.method = dict(type='FlexMatch')
    with pytest.raises(ValueError, match='training with FlexMatch'):
        resumed_training(cfg, build_runner).train()


def test_loss_that_is_not_finite(config, build_runner):
    runner = build_runner(config('FixMatch', weight=float('nan')))
    with pytest.raises(
        FloatingPointError, match='FixMatch/loss_unsupervised is nan'
    ):
        runner.train()
