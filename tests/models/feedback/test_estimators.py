"""Every estimator against finite differences in float64."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS, init_default_scope
from torch.testing import assert_close

from fer_ssl.models.feedback import (
    DotFeedback,
    ExpectedFeedback,
    FiniteDifferenceFeedback,
    JvpFeedback,
    MetaBatch,
    PerSampleFeedback,
)
from fer_ssl.models.feedback.probes import (
    copied_gradients,
    frozen_running_statistics,
    trained_weights,
)

ESTIMATORS = (
    DotFeedback,
    JvpFeedback,
    FiniteDifferenceFeedback,
    ExpectedFeedback,
    PerSampleFeedback,
)


def unlabeled_loss(student, batches):
    losses = [
        F.cross_entropy(student(b.view, mode='tensor') + b.bias, b.targets)
        for b in batches
    ]
    return torch.stack(losses).mean()


def labeled_loss(student, batches):
    with frozen_running_statistics(student):
        losses = [
            F.cross_entropy(student(b.faces, mode='tensor'), b.labels)
            for b in batches
        ]
    return torch.stack(losses).mean()


def coefficients(estimator, student, batches, eta, scale=1.0):
    """Coefficients that ``estimator`` gives a plain step of ``student``."""
    (unlabeled_loss(student, batches) * scale).backward()
    estimator.before_student_step(student, batches, scale)
    with torch.no_grad():
        for p in student.parameters():
            p -= eta * p.grad / scale
            p.grad = None
    rates = dict.fromkeys(dict(student.named_parameters()), eta)
    return estimator.after_student_step(student, batches, rates)


def decrease(student, batches, eta):
    """L_l(theta) - L_l(theta') for one plain gradient step."""
    student = copy.deepcopy(student)
    old = labeled_loss(student, batches).item()
    params = list(student.parameters())
    grads = torch.autograd.grad(unlabeled_loss(student, batches), params)
    with torch.no_grad():
        for p, g in zip(params, grads):
            p -= eta * g
    return old - labeled_loss(student, batches).item()


@pytest.mark.parametrize('kind', ESTIMATORS)
@pytest.mark.parametrize('parts', [1, 2])
def test_mean_coefficient_is_the_decrease(student, make_batch, kind, parts):
    """Equal to first order in eta, including sign and scale."""
    batches = [make_batch(seed) for seed in range(parts)]
    true = decrease(student, batches, 1e-6)
    found = coefficients(kind(), student, batches, 1e-6)
    assert not any(value.requires_grad for value in found)
    if found[0].ndim == 2:
        found = [(v * b.targets).sum(1) for v, b in zip(found, batches)]
    mean = torch.stack([value.mean() for value in found]).mean()
    assert mean.item() == pytest.approx(true, rel=1e-3)


def test_shapes(student, make_batch):
    shapes = {
        kind: coefficients(kind(), student, [make_batch()], 0.1)[0].shape
        for kind in ESTIMATORS
    }
    assert shapes[DotFeedback] == shapes[JvpFeedback] == ()
    assert shapes[FiniteDifferenceFeedback] == ()
    assert shapes[PerSampleFeedback] == (12,)
    assert shapes[ExpectedFeedback] == (12, 4)


def test_dot_and_jvp_are_the_same_number(student, make_batch):
    batches = [make_batch(0), make_batch(1)]
    other = copy.deepcopy(student)
    dot = coefficients(DotFeedback(), student, batches, 0.1)
    jvp = coefficients(JvpFeedback(), other, batches, 0.1)
    assert_close(dot, jvp, rtol=1e-9, atol=0)


def test_finite_difference_is_exact_for_a_large_step(student, make_batch):
    batches = [make_batch()]
    true = decrease(student, batches, 0.5)
    (found,) = coefficients(FiniteDifferenceFeedback(), student, batches, 0.5)
    assert found.item() == pytest.approx(true, rel=1e-9)


@pytest.mark.parametrize('biased', [False, True])
def test_expected_is_the_derivative_of_the_labeled_loss(
    student, make_batch, biased
):
    """dL_l(theta') / d(teacher's logits), by central differences."""
    batch = make_batch(soft=True)
    if biased:
        batch.bias = torch.tensor([0.3, -1.0, 0.0, 2.0]).double()
    eta = 0.3
    start = copy.deepcopy(student)
    (coefficient,) = coefficients(ExpectedFeedback(), student, [batch], eta)
    loss = ExpectedFeedback().loss(coefficient, batch)
    (found,) = torch.autograd.grad(loss, batch.logits.weak)
    logits = batch.logits.weak.detach()
    true = torch.zeros_like(logits)
    for index in [(0, 0), (3, 2), (7, 1), (11, 3)]:
        decreases = []
        for change in (1e-5, -1e-5):
            moved = logits.clone()
            moved[index] += change
            batch.targets = moved.softmax(1)
            decreases.append(decrease(start, [batch], eta))
        true[index] = -(decreases[0] - decreases[1]) / 2e-5
        assert found[index].item() == pytest.approx(
            true[index].item(), rel=1e-5, abs=1e-12
        )


def test_per_sample_is_expected_at_the_label(student, make_batch):
    batch = make_batch()
    other = copy.deepcopy(student)
    (every,) = coefficients(ExpectedFeedback(), student, [batch], 0.1)
    (own,) = coefficients(PerSampleFeedback(), other, [batch], 0.1)
    assert_close(own, every[batch.targets.bool()])


def test_cosine_has_no_scale(student, make_batch):
    batches = [make_batch()]
    other = copy.deepcopy(student)
    (small,) = coefficients(DotFeedback(cosine=True), student, batches, 1e-9)
    (dot,) = coefficients(DotFeedback(), other, batches, 1e-9)
    assert -1 <= small <= 1 and (small > 0) == (dot > 0)
    assert abs(small) > 1e3 * abs(dot)


@pytest.mark.parametrize('kind', ESTIMATORS)
def test_loss_scale_cancels_and_nothing_is_left_behind(
    student, make_batch, kind
):
    batches = [make_batch()]
    other = copy.deepcopy(student)
    statistics = {n: b.clone() for n, b in student.named_buffers()}
    plain = coefficients(kind(), student, batches, 0.1)
    scaled = coefficients(kind(), other, batches, 0.1, scale=2.0**10)
    assert_close(plain, scaled, rtol=1e-9, atol=1e-15)
    assert all(p.grad is None for p in student.parameters())
    steps = student.layers[1].num_batches_tracked
    assert steps == statistics['layers.1.num_batches_tracked'] + 1
    assert student.layers[1].track_running_stats


def test_hard_label_loss_is_eq_5(make_batch):
    batch = make_batch()
    loss = DotFeedback().loss(torch.tensor(0.7), batch)
    assert_close(loss, 0.7 * F.cross_entropy(batch.logits.weak, batch.targets))


def test_frozen_parameters_take_no_part(student, make_batch):
    student.layers[0].weight.requires_grad_(False)
    (loss := unlabeled_loss(student, [make_batch()])).backward()
    assert loss > 0
    names = set(copied_gradients(student))
    assert names == set(trained_weights(student))
    assert 'layers.0.weight' not in names


def test_probe_leaves_no_trace_and_uses_batch_statistics(student):
    faces = torch.randn(32, 6).double() + 5
    reference = copy.deepcopy(student)
    before = copy.deepcopy(student.state_dict())
    with frozen_running_statistics(student):
        probed = student(faces, mode='tensor')
    assert_close(probed, reference(faces, mode='tensor'))
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]), name
    student(faces, mode='tensor')
    mean = student.layers[1].running_mean
    assert not torch.equal(mean, before['layers.1.running_mean'])


def test_students_with_attention():
    """Forward mode of a vision transformer, against two gradients."""
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    arch = dict(
        embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32
    )
    student = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type='VisionTransformer', arch=arch, img_size=32, patch_size=8
            ),
            head=dict(
                type='VisionTransformerClsHead', num_classes=4, in_channels=16
            ),
        )
    ).double()
    faces, weak, strong = torch.randn(3, 6, 3, 32, 32).double()
    batch = MetaBatch(
        faces=faces,
        labels=torch.arange(6) % 4,
        weak=weak,
        strong=strong,
        view=strong,
        truth=torch.full((6,), -1),
        uniform=torch.rand(6),
        targets=torch.eye(4).double()[torch.arange(6) % 3],
    )
    other = copy.deepcopy(student)
    (dot,) = coefficients(DotFeedback(), student, [batch], 1e-3)
    (jvp,) = coefficients(JvpFeedback(), other, [batch], 1e-3)
    assert_close(dot, jvp, rtol=1e-9, atol=0)


def test_every_parameter_has_its_own_learning_rate(student, make_batch):
    """A layer with learning rate 0 takes no part in the step."""
    batches = [make_batch()]
    rates = {
        name: 0.0 if '.3.' in name else 1e-6
        for name, _ in student.named_parameters()
    }
    start = copy.deepcopy(student)
    found = []
    for kind in (DotFeedback, JvpFeedback, PerSampleFeedback):
        other = copy.deepcopy(start)
        estimator = kind()
        unlabeled_loss(other, batches).backward()
        estimator.before_student_step(other, batches, 1.0)
        old = labeled_loss(other, batches).item()
        with torch.no_grad():
            for name, p in other.named_parameters():
                p -= rates[name] * p.grad
        new = labeled_loss(other, batches).item()
        (value,) = estimator.after_student_step(other, batches, rates)
        found.append(value.mean().item())
    assert found == pytest.approx([old - new] * 3, rel=1e-3)


def test_finite_difference_of_no_step_is_zero_with_dropout(make_batch):
    torch.manual_seed(0)

    class Dropped(torch.nn.Linear):
        def forward(self, faces, mode):
            return F.dropout(super().forward(faces), 0.5)

    student, batches = Dropped(6, 4).double(), [make_batch()]
    estimator = FiniteDifferenceFeedback()
    state = torch.get_rng_state()
    estimator.before_student_step(student, batches, 1.0)
    (decrease,) = estimator.after_student_step(student, batches, {})
    assert decrease == 0
    assert torch.equal(torch.get_rng_state(), state)
