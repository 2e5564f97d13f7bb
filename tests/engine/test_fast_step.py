"""Options that speed up a step change its numbers only by rounding."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from torch.autograd import forward_ad
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from fer_ssl.models import bfloat16_autocast
from fer_ssl.models.feedback import DotFeedback
from tests.helpers.recorder import Recorder
from tests.helpers.tiny_networks import use_eight_channels


@pytest.fixture
def train(build_runner):
    """Function that trains a config.

    It returns what was logged and the weights.
    """

    def train(config, **changes):
        runner = build_runner(config, **changes)
        recorder = Recorder()
        runner.register_hook(recorder)
        runner.train()
        return recorder.outputs, runner.model.state_dict()

    return train


@pytest.fixture
def short(spatial_config):
    spatial_config.train_cfg.max_iters = 2
    return spatial_config


def assert_same_training(one, other, rtol, atol):
    for outputs, expected in zip(one[0], other[0]):
        assert outputs.keys() == expected.keys()
    assert_close(one[0][0], other[0][0], rtol=rtol, atol=atol)
    assert_close(one[1], other[1], rtol=rtol, atol=atol)


def test_channels_last(short, train):
    """Loads weights, since random ones depend on the memory layout."""
    use_eight_channels(short.model.network)
    short.default_hooks.checkpoint.interval = 1
    train(short)
    short.load_from = f'{short.work_dir}/iter_1.pth'
    short.work_dir += '_2'
    plain = train(short)
    last = train(short, **{'train_cfg.channels_last': True})
    weight = last[1]['student.backbone.layer1.0.conv1.weight']
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert_same_training(last, plain, rtol=1e-3, atol=1e-5)


def test_channels_last_survives_start_weights_and_resume(short, build_runner):
    use_eight_channels(short.model.network)
    short.default_hooks.checkpoint.interval = 1
    build_runner(short).train()
    options = {'train_cfg.channels_last': True, 'resume': True}
    runner = build_runner(
        short, load_from=f'{short.work_dir}/iter_1.pth', **options
    )
    runner.train()
    for network in (runner.model.teacher, runner.model.student):
        weight = network.backbone.layer1[0].conv1.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)


def test_fused_optimizer(short, train):
    plain = train(short)
    for wrapper in (short.optim_wrapper.teacher, short.optim_wrapper.student):
        wrapper.optimizer = dict(wrapper.optimizer, fused=True)
    assert_same_training(train(short), plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('feedback', ['dot', 'finite_difference', 'expected'])
def test_compiled(short, train, feedback):
    """Forward-mode derivatives bypass the compiler."""
    short.train_cfg.feedback = feedback
    short.train_cfg.max_iters = 1
    plain = train(short)
    kernels = []

    def backend(graph, example):
        def run(*args):
            kernels.append(forward_ad._current_level)
            return graph(*args)

        return run

    torch._dynamo.reset()
    torch._dynamo.register_backend(backend, f'count_{feedback}')
    compiled = train(
        short, compile=dict(backend=f'count_{feedback}', dynamic=False)
    )
    # Teacher, student, and the probes of the labeled faces.
    probes = dict(dot=1, finite_difference=2, expected=1)[feedback]
    assert len(kernels) >= 2 + probes
    assert set(kernels) == {-1}
    assert_same_training(compiled, plain, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(not shutil.which('g++'), reason='needs a C++ compiler')
def test_inductor(short, train):
    """The default compiler, on a network with one stage."""
    network = short.model.network
    network.backbone.update(
        num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)
    )
    network.head.in_channels = network.backbone.base_channels
    short.train_cfg.max_iters = 1
    plain = train(short)
    torch._dynamo.reset()
    compiled = train(short, compile=dict(dynamic=False))
    assert_same_training(compiled, plain, rtol=1e-3, atol=1e-5)


@pytest.fixture
def bfloat16(monkeypatch):
    """As if the CPU had bfloat16."""
    monkeypatch.setattr(bfloat16_autocast, '_cpu_has_bfloat16', lambda: True)


def test_bfloat16(bfloat16, short, train):
    plain, _ = train(short)
    for wrapper in (short.optim_wrapper.teacher, short.optim_wrapper.student):
        wrapper.type = 'Bfloat16OptimWrapper'
    short.train_cfg.feedback = dict(type='DotFeedback', bfloat16=True)
    short, weights = train(short)
    for name in ('student/loss', 'teacher/loss_supervised'):
        assert short[0][name] == pytest.approx(plain[0][name], rel=0.02)
        assert short[0][name] != plain[0][name]
    assert {x.dtype for x in weights.values()} <= {torch.float32, torch.int64}


def test_bfloat16_gradient(bfloat16, short, build_runner):
    """The labeled gradient in bfloat16, of the very same student."""
    found = {}

    class Both(DotFeedback):
        def after_student_step(self, *args):
            for self.bfloat16 in (True, False):
                (found[self.bfloat16],) = super().after_student_step(*args)
            return [found[False]]

    runner = build_runner(short, **{'train_cfg.max_iters': 1})
    runner.train_loop.feedback = Both()
    runner.train()
    assert found[True] == pytest.approx(found[False].item(), rel=0.1)
    assert found[True] != found[False]


def test_float32_on_a_cpu_without_bfloat16(short, train, monkeypatch):
    plain = train(short)
    check = bfloat16_autocast._cpu_has_bfloat16
    check.cache_clear()
    monkeypatch.setattr(
        torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: False
    )
    for wrapper in (short.optim_wrapper.teacher, short.optim_wrapper.student):
        wrapper.type = 'Bfloat16OptimWrapper'
    short.train_cfg.feedback = dict(type='DotFeedback', bfloat16=True)
    found = train(short)
    check.cache_clear()
    assert_same_training(found, plain, rtol=0, atol=0)
    logs = ''.join(x.read_text() for x in Path(short.work_dir).glob('*/*.log'))
    assert logs.count('would only emulate bfloat16') == 1


class Readings(TorchDispatchMode):
    """Counts the scalars that are read from tensors."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_numbers_are_not_read_one_by_one(short, build_runner):
    """Each read would make a GPU wait."""
    readings = Readings()

    class Count(Hook):
        priority = 'HIGHEST'

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if batch_idx == 1:
                readings.__enter__()

        def after_train_iter(self, runner, batch_idx, data_batch, outputs):
            if batch_idx == 1:
                assert {type(value) for value in outputs.values()} == {float}
                readings.__exit__(None, None, None)

    short.custom_hooks[0].moving_baseline = True
    runner = build_runner(short)
    runner.register_hook(Count(), 'HIGHEST')
    runner.train()
    assert readings.count == 0


def test_shipped_config_is_that_of_the_paper_with_faster_parts():
    folder = 'configs/'
    root = __file__.split('tests/')[0]
    fast = Config.fromfile(f'{root}{folder}spatial_r50_fast.py')
    plain = Config.fromfile(f'{root}{folder}spatial_r50.py')
    for name in ('teacher', 'student'):
        expected = dict(plain.optim_wrapper[name].optimizer, fused=True)
        assert fast.optim_wrapper[name].optimizer == expected
    assert fast.train_cfg.feedback == dict(type='DotFeedback', bfloat16=True)
    fast.train_cfg.feedback = 'dot'
    assert fast.train_cfg.pop('channels_last')
    assert fast.train_cfg == plain.train_cfg
    assert fast.param_scheduler == plain.param_scheduler
