import math

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.methods import MeanTeacher
from tests.helpers.logit_faces import SIZES, Logits, batch_of, logits_of


def make_batch():
    batch = batch_of(
        [[0.5, 0.25, 0.25]],
        [1],
        ([0.2, 0.6, 0.2], [0.2, 0.6, 0.2]),
        ([0.2, 0.5, 0.3], [0.1, 0.8, 0.1]),
    )
    teacher = logits_of([0.6, 0.2, 0.2], [0.1, 0.7, 0.2]).detach()
    batch.teacher_logits = teacher
    return batch


def test_by_hand():
    """Squares 0.16 + 0.09 + 0.01 and 0 + 0.01 + 0.01, over 6 values."""
    method = MeanTeacher(weight=3.0, ramp=0.5, **SIZES)
    batch = make_batch()
    result = method.loss(Logits(), batch, 50)
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(loss_supervised=-math.log(0.25), loss_unsupervised=3 * 0.28 / 6)
    )
    assert result.confident is None, 'all faces count'
    assert_close(result.targets[0], torch.tensor([0.6, 0.2, 0.2]))
    result.losses['loss_unsupervised'].backward()
    assert batch.weak[0].grad is None
    # 3 * 2 / 6 * p_k * (d_k - sum_j p_j d_j), d = p - teacher; sum 0.1
    expected = torch.tensor([0.2 * -0.5, 0.5 * 0.2, 0.3 * 0.0])
    assert_close(batch.strong.grad[0], expected)


def test_ramp_up():
    method = MeanTeacher(warm_start=0.1, ramp=0.4, **SIZES)
    weights = [method.alpha(i) for i in (10, 30, 50, 99)]
    expected = [100 * math.exp(-5), 100 * math.exp(-1.25), 100, 100]
    assert weights == pytest.approx(expected)
    assert MeanTeacher(ramp=0.0, **SIZES).alpha(0) == 100


def test_without_a_teacher():
    """The weak view of the network itself is the target, without gradient."""
    method = MeanTeacher(weight=3.0, ramp=0.0, teacher=False, **SIZES)
    batch = make_batch()
    loss = method.loss(Logits(), batch, 0).losses['loss_unsupervised']
    # 0 + 0.01 + 0.01 and 0.01 + 0.04 + 0.01
    assert loss.item() == pytest.approx(3 * 0.08 / 6)
    loss.backward()
    assert batch.weak[0].grad is None or not batch.weak[0].grad.any()
