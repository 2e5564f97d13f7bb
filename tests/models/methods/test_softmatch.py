import math

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.methods import SoftMatch
from tests.helpers.logit_faces import SIZES, Logits, batch_of

WEAK = [0.8, 0.1, 0.1], [0.3, 0.4, 0.3]
STRONG = [0.2, 0.5, 0.3], [0.1, 0.8, 0.1]
# The mean of WEAK is 0.55, 0.25, 0.2.
ALIGNED = (
    (0.8 / 0.55) / (0.8 / 0.55 + 0.1 / 0.25 + 0.1 / 0.2),
    (0.4 / 0.25) / (0.3 / 0.55 + 0.4 / 0.25 + 0.3 / 0.2),
)


def make_batch(weak=WEAK):
    return batch_of([[0.5, 0.25, 0.25]], [1], weak, STRONG)


def test_weights_by_hand():
    """Of two values, one is sqrt(var / 2) below the mean: 4 / 4 = 1."""
    method = SoftMatch(weight=2.0, momentum=0.0, **SIZES)
    batch = make_batch()
    result = method.loss(Logits(), batch, 0)
    assert method.mu.item() == pytest.approx(sum(ALIGNED) / 2, rel=1e-4)
    var = (ALIGNED[0] - ALIGNED[1]) ** 2 / 2
    assert method.var.item() == pytest.approx(var, rel=1e-4)
    assert result.confident.tolist() == [True, False]
    losses = {name: value.item() for name, value in result.losses.items()}
    unsupervised = -(math.log(0.2) + math.exp(-1) * math.log(0.8))
    assert losses == pytest.approx(
        dict(loss_supervised=-math.log(0.25), loss_unsupervised=unsupervised),
        rel=1e-4,
    )
    sum(result.losses.values()).backward()
    assert not batch.weak[0].grad.any()


def test_averages_of_two_batches():
    """m starts with the first batch, mu and var with 1 / C and 1."""
    method = SoftMatch(momentum=0.9, **SIZES)
    method.loss(Logits(), make_batch(), 0)
    assert_close(method.mean_probs, torch.tensor([0.55, 0.25, 0.2]))
    mu = 0.9 / 3 + 0.1 * sum(ALIGNED) / 2
    var = 0.9 + 0.1 * (ALIGNED[0] - ALIGNED[1]) ** 2 / 2
    assert method.mu.item() == pytest.approx(mu, rel=1e-4)
    assert method.var.item() == pytest.approx(var, rel=1e-4)

    weak = [0.1, 0.8, 0.1], [0.2, 0.6, 0.2]
    method.loss(Logits(), make_batch(weak), 1)
    mean = [0.495 + 0.015, 0.225 + 0.07, 0.18 + 0.015]
    assert_close(method.mean_probs, torch.tensor(mean))
    u = []
    for row in weak:
        parts = [x / y for x, y in zip(row, mean)]
        u.append(max(parts) / sum(parts))
    mu = 0.9 * mu + 0.1 * sum(u) / 2
    var = 0.9 * var + 0.1 * (u[0] - u[1]) ** 2 / 2
    assert method.mu.item() == pytest.approx(mu, rel=1e-4)
    assert method.var.item() == pytest.approx(var, rel=1e-4)


def test_label_is_not_aligned():
    """The second face would be of class 1 after the alignment."""
    method = SoftMatch(**SIZES)
    weak = [0.8, 0.1, 0.1], [0.45, 0.43, 0.12]
    result = method.loss(Logits(), make_batch(weak), 0)
    assert result.targets.argmax(1).tolist() == [0, 0]
    aligned = method.align(torch.tensor(weak))
    assert aligned.argmax(1).tolist() == [0, 1]


def test_class_that_is_never_predicted():
    method = SoftMatch(**SIZES)
    batch = make_batch(([0.8, 0.2, 0.0], [0.3, 0.7, 0.0]))
    result = method.loss(Logits(), batch, 0)
    assert sum(result.losses.values()).isfinite()
    assert method.mean_probs[2] == 0


def test_one_face():
    """A single value has no unbiased variance."""
    method = SoftMatch(momentum=0.9, **SIZES)
    batch = batch_of([[0.5, 0.25, 0.25]], [1], WEAK[:1], STRONG[:1])
    method.loss(Logits(), batch, 0)
    assert method.var.item() == pytest.approx(0.9)
