"""Negative learning, against values computed by hand."""

import math

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.methods import NegativeLearning
from fer_ssl.models.methods.negative_learning import complement_loss
from tests.helpers.logit_faces import SIZES, Logits, batch_of


def make_batch(teacher, strong):
    unused = [[math.nan] * 3] * len(teacher)  # the teacher predicts
    batch = batch_of([[0.5, 0.25, 0.25]], [0], unused, strong)
    batch.teacher_logits = torch.tensor(teacher).log()
    return batch


def test_two_iterations_by_hand():
    method = NegativeLearning(
        weight=2.0, negative_weight=3.0, momentum=0.5, **SIZES
    )
    batch = make_batch(
        [[0.8, 0.1, 0.1], [0.5, 0.48, 0.02], [0.02, 0.04, 0.94]],
        [[0.6, 0.2, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]],
    )
    result = method.loss(Logits(), batch, 0)
    # 1/3 and the mean confidence 2.24/3; the mean of q is 1.32/3, .62/3,
    # 1.06/3.
    assert method.adaptive.confidence.item() == pytest.approx(0.54)
    assert method.adaptive.mean_probs.tolist() == pytest.approx(
        [2.32 / 6, 0.27, 2.06 / 6]
    )
    expected = [0.54, 0.54 * 1.62 / 2.32, 0.54 * 2.06 / 2.32]
    assert method.adaptive.of_classes().tolist() == pytest.approx(expected)
    # 0.8 > 0.54 > 0.5; 0.94 > 0.48.
    assert result.confident.tolist() == [True, False, True]
    assert result.targets.argmax(1).tolist() == [0, 0, 2]
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(
            loss_supervised=-math.log(0.5),
            loss_unsupervised=-2 * (math.log(0.6) + math.log(0.5)) / 3,
            # The second face is not of class 2.
            loss_negative=-3 * math.log(0.7) / 3,
        )
    )
    result.losses['loss_negative'].backward()
    grad = batch.strong.grad
    assert not grad[[0, 2]].any()
    assert grad[1, 2] > 0 > grad[1, 0], 'class 2 becomes less likely'

    # Now 0.5 < T(0), and the last face excludes two classes.
    method.loss(Logits(), batch, 1)
    assert method.adaptive.confidence.item() == pytest.approx(0.27 + 1.12 / 3)
    method.adaptive.confidence.fill_(1.0)
    method.adaptive.mean_probs.fill_(1 / 3)
    method.adaptive.momentum = 1.0
    result = method.loss(Logits(), batch, 2)
    assert method.adaptive.of_classes().tolist() == pytest.approx([0.95] * 3)
    assert not result.confident.any()
    loss = result.losses['loss_negative'].item()
    last = -(math.log(0.7) + math.log(0.8)) / 2
    assert loss == pytest.approx(-math.log(0.7) + last)


def test_neither_a_confident_face_nor_a_complementary_label():
    method = NegativeLearning(momentum=1.0, **SIZES)
    method.adaptive.confidence.fill_(1.0)
    teacher = [[0.4, 0.3, 0.3], [0.2, 0.6, 0.2]]
    result = method.loss(Logits(), make_batch(teacher, teacher), 0)
    assert not result.confident.any()
    assert result.losses['loss_unsupervised'].item() == 0
    assert result.losses['loss_negative'].item() == 0


def test_all_faces_are_confident():
    method = NegativeLearning(**SIZES)
    teacher = [[0.96, 0.02, 0.02], [0.02, 0.96, 0.02]]
    result = method.loss(Logits(), make_batch(teacher, teacher), 0)
    assert result.confident.all(), 'the thresholds start near 1/3'
    assert result.losses['loss_negative'].item() == 0


def test_rare_class_has_a_low_threshold():
    method = NegativeLearning(momentum=0.5, **SIZES)
    probs = torch.tensor([[1.0, 0.0, 0.0]])
    for _ in range(200):  # class 2 is never seen
        method.adaptive.learn(probs)
    low = method.adaptive.of_classes()[2].item()
    assert 0 <= low < 1e-6
    assert method.adaptive.of_classes()[0].item() == pytest.approx(0.95)
    batch = make_batch([[0.3, 0.3, 0.4]], [[0.3, 0.3, 0.4]])
    assert method.loss(Logits(), batch, 0).confident.all()


def test_complement_loss():
    probs = torch.tensor([[0.5, 0.3, 0.2], [0.98, 0.01, 0.01]])
    assert_close(complement_loss(probs.log()), -torch.log(1 - probs))
    # The probability rounds to 1; the exact loss is 200 - log 2.
    logits = torch.tensor([[200.0, 0, 0]], requires_grad=True)
    loss = complement_loss(logits)[0, 0]
    assert loss.item() == pytest.approx(200 - math.log(2))
    loss.backward()
    assert_close(logits.grad, torch.tensor([[1.0, -0.5, -0.5]]))


def test_own_predictions_without_a_teacher():
    method = NegativeLearning(teacher=False, **SIZES)
    batch = make_batch([[0.4, 0.3, 0.3]], [[0.4, 0.3, 0.3]])
    batch.teacher_logits = None
    batch.weak = [torch.tensor([[0.1, 0.8, 0.1]]).log()]
    result = method.loss(Logits(), batch, 0)
    assert result.targets.tolist() == [[0, 1, 0]]
    assert NegativeLearning(**SIZES).uses_teacher
