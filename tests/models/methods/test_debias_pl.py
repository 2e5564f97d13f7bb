import math

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.methods import DebiasPL
from tests.helpers.logit_faces import SIZES, Logits, batch_of


def make_batch():
    return batch_of(
        [[0.5, 0.25, 0.25]],
        [1],
        ([0.6, 0.2, 0.2], [0.4, 0.25, 0.35]),
        ([0.2, 0.4, 0.4], [0.1, 0.8, 0.1]),
    )


def test_by_hand():
    """The label uses the average before the batch, the loss that after it."""
    method = DebiasPL(
        threshold=0.5, tau=0.5, momentum=0.9, weight=2.0, **SIZES
    )
    assert_close(method.mean_probs, torch.full((3,), 1 / 3))
    method.mean_probs.copy_(torch.tensor([0.5, 0.3, 0.2]))
    batch = make_batch()
    result = method.loss(Logits(), batch, 0)
    # 0.6 / sqrt(0.5) and so on, normalized; class 2 wins the second face.
    expected = [[0.51089, 0.21985, 0.26926], [0.31344, 0.25291, 0.43365]]
    assert_close(
        result.logits.softmax(1), torch.tensor(expected), rtol=0, atol=1e-5
    )
    assert result.targets.argmax(1).tolist() == [0, 2]
    assert result.confident.tolist() == [True, False]
    after = [0.45 + 0.05, 0.27 + 0.0225, 0.18 + 0.0275]
    assert_close(method.mean_probs, torch.tensor(after))
    parts = [x * math.sqrt(y) for x, y in zip((0.2, 0.4, 0.4), after)]
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(
            loss_supervised=-math.log(0.25),
            loss_unsupervised=-2 * math.log(parts[0] / sum(parts)) / 2,
        )
    )
    sum(result.losses.values()).backward()
    assert not batch.weak[0].grad.any()
    assert batch.strong.grad[1].tolist() == [0, 0, 0]


def test_second_iteration():
    method = DebiasPL(momentum=0.9, **SIZES)
    for iteration in (0, 1):
        method.loss(Logits(), make_batch(), iteration)
    expected = [0.27 + 0.19 * x for x in (0.5, 0.225, 0.275)]
    assert_close(method.mean_probs, torch.tensor(expected))


def test_without_tau_it_is_fixmatch():
    method = DebiasPL(threshold=0.5, tau=0.0, **SIZES)
    method.mean_probs.copy_(torch.tensor([0.5, 0.3, 0.2]))
    loss = method.loss(Logits(), make_batch(), 0).losses['loss_unsupervised']
    assert loss.item() == pytest.approx(-math.log(0.2) / 2)


def test_class_that_is_never_predicted():
    method = DebiasPL(**SIZES)
    method.mean_probs.copy_(torch.tensor([0.6, 0.4, 0.0]))
    batch = make_batch()
    result = method.loss(Logits(), batch, 0)
    sum(result.losses.values()).backward()
    assert result.logits.isfinite().all()
    assert batch.strong.grad.isfinite().all()
