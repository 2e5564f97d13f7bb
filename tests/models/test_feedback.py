import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from fer_ssl.models.feedback import (
    consistency_loss,
    dot_product,
    frozen_running_statistics,
    gradients,
    pseudo_labels,
)


def test_hard_pseudo_labels():
    logits = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    labels = pseudo_labels(logits, 'argmax')
    assert_close(labels, torch.tensor([[0.0, 1, 0], [1, 0, 0]]))


def test_soft_pseudo_labels_carry_no_gradient():
    logits = torch.randn(4, 3, requires_grad=True)
    labels = pseudo_labels(logits, 'soft')
    assert_close(labels, logits.detach().softmax(1))
    assert not labels.requires_grad


def test_sampled_pseudo_labels_follow_the_distribution():
    logits = torch.tensor([0.5, -1.0, 2.0]).expand(20000, 3)
    uniform = torch.rand(20000, generator=torch.Generator().manual_seed(0))
    labels = pseudo_labels(logits, 'sample', uniform)
    assert torch.equal(labels.sum(1), torch.ones(20000))
    assert_close(labels.mean(0), logits[0].softmax(0), atol=0.01, rtol=0)


def test_sampling_at_the_upper_end():
    # A cumulative sum may end below 1 in float32.
    labels = pseudo_labels(
        torch.zeros(1, 7), 'sample', torch.tensor([1.0 - 2**-25])
    )
    assert labels[0, -1] == 1


def test_unknown_pseudo_label():
    with pytest.raises(ValueError, match='sample, argmax, soft'):
        pseudo_labels(torch.zeros(1, 2), 'hard')


def test_consistency_by_hand():
    weak = torch.tensor([[2.0, 0.0], [0.1, 0.0]], requires_grad=True)
    strong = torch.tensor([[0.5, 0.2], [1.0, -1.0]], requires_grad=True)
    loss, share = consistency_loss(weak, strong)
    target = weak.detach().softmax(1)
    by_hand = -(target * strong.log_softmax(1)).sum(1).mean()
    assert_close(loss, by_hand)
    assert share == 1
    loss.backward()
    assert weak.grad is None and strong.grad is not None


def test_consistency_sharpened_and_masked():
    weak = torch.tensor([[2.0, 0.0], [0.1, 0.0]])
    strong = torch.tensor([[0.5, 0.2], [1.0, -1.0]])
    loss, share = consistency_loss(weak, strong, 0.5, threshold=0.8)
    target = (weak[0] / 0.5).softmax(0)
    by_hand = -(target * strong[0].log_softmax(0)).sum() / 2
    assert_close(loss, by_hand)
    assert share == 0.5


def small_student():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4)
    ).double()


def batch(seed, shift=0.0):
    rng = np.random.default_rng(seed)
    faces = torch.tensor(rng.normal(shift, 1, (32, 6)))
    return faces, torch.tensor(rng.integers(0, 4, 32))


@pytest.mark.parametrize('seed', range(3))
def test_feedback_is_the_fall_of_the_labeled_loss(seed):
    """Eq. 6 = L_l(theta) - L_l(theta'), sign included, for a small step."""
    student = small_student()
    params = list(student.parameters())
    faces_u, labels_u = batch(seed, shift=0.3)
    faces_l, labels_l = batch(100 + seed)
    eta = 1e-6

    def labeled_loss():
        with frozen_running_statistics(student):
            return F.cross_entropy(student(faces_l), labels_l)

    old = labeled_loss().item()
    F.cross_entropy(student(faces_u), labels_u).backward()
    grads_u = gradients(params)
    with torch.no_grad():
        for p, g in zip(params, grads_u):
            p -= eta * g
            p.grad = None
    new = labeled_loss()
    new.backward()
    feedback = eta * dot_product(gradients(params), grads_u).item()
    assert feedback == pytest.approx(old - new.item(), rel=2e-3)


def test_probe_leaves_no_trace_and_uses_batch_statistics():
    student = small_student()
    faces, _ = batch(0, shift=5.0)
    reference = copy.deepcopy(student)
    before = copy.deepcopy(student.state_dict())
    with frozen_running_statistics(student):
        probed = student(faces)
    assert_close(probed, reference(faces))
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]), name
    student(faces)
    assert not torch.equal(student[1].running_mean, before['1.running_mean'])


def test_gradients_are_copies_without_scale():
    layer = nn.Linear(2, 1)
    unused = nn.Parameter(torch.zeros(1))
    (layer(torch.ones(1, 2)).sum() * 1024).backward()
    weight, missing = gradients([layer.weight, unused], scale=1024)
    assert missing is None
    assert_close(weight, torch.ones(1, 2))
    layer.weight.grad.zero_()
    assert_close(weight, torch.ones(1, 2))
