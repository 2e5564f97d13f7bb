from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub

from fer_ssl.engine import FeedbackLossHook


@pytest.fixture
def runner(request):
    hub = MessageHub(f'{request.node.name}')
    return SimpleNamespace(message_hub=hub)


def apply(hook, runner, values, iteration=0):
    """Coefficients after the hook, and what it logs."""
    feedback = [torch.as_tensor(v) for v in values]
    outputs = {}
    hook.before_teacher_step(runner, iteration, feedback, outputs)
    return feedback, {k: v.item() for k, v in outputs.items()}


def test_default_is_the_paper(runner):
    feedback, outputs = apply(FeedbackLossHook(), runner, [[0.5, -0.1, 0.2]])
    assert torch.equal(feedback[0], torch.tensor([0.5, -0.1, 0.2]))
    assert outputs['feedback/mean'] == pytest.approx(0.2)
    assert outputs['feedback/positive'] == pytest.approx(2 / 3)
    std = np.std([0.5, -0.1, 0.2])
    assert outputs['feedback/std'] == pytest.approx(std, rel=1e-5)


def test_std_runs_over_iterations(runner):
    """The std of scalar coefficients is that of many iterations."""
    hook = FeedbackLossHook(momentum=0.02)
    values = np.random.default_rng(0).normal(0.3, 0.1, 2000)
    for value in values.astype(np.float32):
        _, outputs = apply(hook, runner, [value])
    assert outputs['feedback/std'] == pytest.approx(0.1, rel=0.3)


def test_baseline_is_the_mean_of_earlier_iterations(runner):
    hook = FeedbackLossHook(moving_baseline=True, momentum=0.5)
    found = [apply(hook, runner, [v])[0][0].item() for v in (1.0, 3.0, 4.0)]
    # Means of (), (1) and (1, 3), the latter weighted 1 : 2.
    assert found == pytest.approx([1.0, 3.0 - 1.0, 4.0 - 7 / 3])


def test_normalized_coefficients_have_no_scale(runner):
    hook = FeedbackLossHook(normalize=True, weight=0.5)
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    feedback, _ = apply(hook, runner, [1e-6 * values])
    assert feedback[0].square().mean().sqrt().item() == pytest.approx(0.5)


def test_clip_and_ramp_up(runner):
    hook = FeedbackLossHook(clip=1.0, weight=2.0, ramp_up=4)
    values = [[5.0, -0.5], [-1e9, 0.1]]
    (first, second), _ = apply(hook, runner, values, iteration=1)
    assert first.tolist() == pytest.approx([1.0, -0.5])
    assert second.tolist() == pytest.approx([-1.0, 0.1])
    (first, _), _ = apply(hook, runner, values, iteration=9)
    assert first.tolist() == pytest.approx([2.0, -1.0])


def test_normalized_with_a_baseline(runner):
    """Divides by the RMS around the baseline from the first iteration on."""
    hook = FeedbackLossHook(
        normalize=True, moving_baseline=True, momentum=0.05
    )
    values = np.random.default_rng(0).normal(1.0, 0.01, 500)
    found = [
        apply(hook, runner, [v])[0][0].item()
        for v in values.astype(np.float32)
    ]
    assert found[0] == pytest.approx(1.0)
    assert np.std(found[250:]) == pytest.approx(1.0, rel=0.3)
    assert abs(np.mean(found[250:])) < 0.3
