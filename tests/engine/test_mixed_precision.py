"""Mixed precision: AmpOptimWrapper itself, made to run on the CPU."""

import copy
from contextlib import contextmanager

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch.testing import assert_close

from fer_ssl.models.feedback import probes
from tests.helpers.recorder import Recorder


@OPTIM_WRAPPERS.register_module(force=True)
class CpuAmpOptimWrapper(AmpOptimWrapper):
    """Runs on the CPU; upstream requires an accelerator."""

    def __init__(self, loss_scale, autocast=False, **kwargs):
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.loss_scaler = torch.amp.GradScaler('cpu', **loss_scale)
        self.autocast = autocast

    @contextmanager
    def optim_context(self, model):
        with OptimWrapper.optim_context(self, model):
            with torch.autocast('cpu', torch.bfloat16, enabled=self.autocast):
                yield


@pytest.fixture
def use_amp(spatial_config):
    """Function that gives both networks scalers of their own."""

    def use_amp(**options):
        for name in ('teacher', 'student'):
            spatial_config.optim_wrapper[name].update(
                type='CpuAmpOptimWrapper', **options
            )
        return spatial_config

    return use_amp


@pytest.fixture
def train(build_runner):
    def train(config, **changes):
        runner = build_runner(config, **changes)
        recorder = Recorder()
        runner.register_hook(recorder)
        runner.train()
        return runner, recorder.outputs

    return train


@pytest.mark.parametrize('estimator', ['dot', 'jvp', 'expected'])
def test_loss_scale_changes_nothing(spatial_config, use_amp, train, estimator):
    """Scaling by a power of two is exact, except for underflow."""
    spatial_config.train_cfg.feedback = estimator
    plain, outputs = train(spatial_config)
    scaled, outputs_2 = train(use_amp(loss_scale=dict(init_scale=2.0**12)))
    for one, two in zip(outputs, outputs_2):
        assert_close(two, one, rtol=1e-5, atol=1e-7)
    assert_close(
        scaled.model.state_dict(),
        plain.model.state_dict(),
        rtol=1e-3,
        atol=1e-5,
    )


class Overflow(Hook):
    """Makes gradients of the student infinite in the first two iterations."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        weight = runner.model.student.head.fc.weight
        if batch_idx == 0:
            self.handle = weight.register_hook(lambda g: g * float('inf'))
            self.start = weight.detach().clone()
        if batch_idx == 2:
            self.handle.remove()
            assert torch.equal(weight, self.start)


def test_skipped_student_step_skips_the_feedback(use_amp, build_runner):
    """The teacher goes on without feedback; each network has its own scale."""
    config = use_amp(loss_scale=dict(init_scale=2.0**16))
    runner = build_runner(config)
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.register_hook(Overflow())
    teacher = copy.deepcopy(runner.model.teacher.state_dict())
    runner.train()
    outputs = recorder.outputs
    judged = [False, False, True, True, True, True]
    assert ['feedback/mean' in o for o in outputs] == judged
    assert ['teacher/loss_feedback' in o for o in outputs] == judged
    assert [o.get('student/skipped_steps') for o in outputs[:3]] == [
        1,
        2,
        None,
    ]
    scales = {
        name: optim.loss_scaler.get_scale()
        for name, optim in runner.optim_wrapper.items()
    }
    assert scales == dict(teacher=2.0**16, student=2.0**14)
    moved = runner.model.teacher.head.fc.weight - teacher['head.fc.weight']
    assert moved.abs().max() > 0


def test_probes_are_in_float32(use_amp, train, monkeypatch):
    """Under autocast to bfloat16 the labeled losses keep full precision."""
    seen = []
    logits_of = probes.logits_of

    def spy(*args, **kwargs):
        logits = logits_of(*args, **kwargs)
        seen.append(logits.dtype)
        return logits

    monkeypatch.setattr(probes, 'logits_of', spy)
    config = use_amp(loss_scale=dict(init_scale=1.0), autocast=True)
    config.train_cfg.feedback = 'finite_difference'
    _, outputs = train(config)
    assert set(seen) == {torch.float32}
    assert len({o['feedback/mean'] for o in outputs}) == len(outputs)


def test_resumed_scalers_are_the_same(use_amp, train):
    config = use_amp(loss_scale=dict(init_scale=256.0, growth_interval=2))
    whole, _ = train(config)
    resumed, _ = train(
        config,
        load_from=f'{config.work_dir}/iter_3.pth',
        resume=True,
        work_dir=f'{config.work_dir}_2',
    )
    for name, optim in whole.optim_wrapper.items():
        state = optim.loss_scaler.state_dict()
        assert state['scale'] == 256.0 * 2**3
        assert resumed.optim_wrapper[name].loss_scaler.state_dict() == state
    assert_close(
        resumed.model.state_dict(), whole.model.state_dict(), rtol=0, atol=0
    )
