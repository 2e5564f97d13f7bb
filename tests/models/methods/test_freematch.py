import math

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.methods import FreeMatch
from tests.helpers.logit_faces import SIZES, Logits, batch_of

WEAK = [0.8, 0.1, 0.1], [0.34, 0.33, 0.33], [0.05, 0.05, 0.9]
STRONG = [0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]


def make_batch():
    return batch_of([[0.5, 0.25, 0.25]], [1], WEAK, STRONG)


def test_by_hand():
    """The second face is below the threshold of class 0."""
    method = FreeMatch(weight=2.0, momentum=0.9, **SIZES)
    batch = make_batch()
    result = method.loss(Logits(), batch, 0)
    # tau = 0.9 / 3 + 0.1 * (0.8 + 0.34 + 0.9) / 3
    assert method.threshold.confidence.item() == pytest.approx(0.368)
    means = [0.3 + 0.119 / 3, 0.3 + 0.048 / 3, 0.3 + 0.133 / 3]
    assert_close(method.threshold.mean_probs, torch.tensor(means))
    counts = [0.3 + 0.2 / 3, 0.3, 0.3 + 0.1 / 3]
    assert_close(method.histogram, torch.tensor(counts))
    expected = [0.36301, 0.33772, 0.368]
    assert method.threshold.of_classes().tolist() == pytest.approx(
        expected, abs=1e-5
    )
    assert result.confident.tolist() == [True, False, True]
    assert result.targets.argmax(1).tolist() == [0, 0, 2]

    # Strong views of the confident faces: means 0.35, 0.45, 0.2; labels 1, 0.
    actual = [0.35 / 0.8, 0.45 / 0.8]
    ratio = [mean / count for mean, count in zip(means, counts)]
    fairness = sum(ratio[c] / sum(ratio) * math.log(actual[c]) for c in (0, 1))
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(
            loss_supervised=-math.log(0.25),
            loss_unsupervised=-2 * (math.log(0.2) + math.log(0.1)) / 3,
            loss_fairness=0.01 * fairness,
        )
    )
    sum(result.losses.values()).backward()
    assert not batch.weak[0].grad.any()
    assert batch.strong.grad[1].tolist() == [0, 0, 0]


def test_second_iteration():
    method = FreeMatch(momentum=0.9, **SIZES)
    for iteration in (0, 1):
        method.loss(Logits(), make_batch(), iteration)
    # 1/3 * 0.81 + 0.68 * 0.19
    assert method.threshold.confidence.item() == pytest.approx(0.3992)
    expected = [0.27 + 0.19 * x / 3 for x in (1.19, 0.48, 1.33)]
    assert_close(method.threshold.mean_probs, torch.tensor(expected))
    expected = [0.27 + 0.19 * x / 3 for x in (2, 0, 1)]
    assert_close(method.histogram, torch.tensor(expected))


def test_gradient_of_the_fairness_loss():
    """That of the plain sum over the classes of the confident faces."""
    method = FreeMatch(**SIZES)
    strong = make_batch().strong
    confident = torch.tensor([True, False, True])
    method.fairness_loss(strong, confident).backward()
    again = make_batch().strong
    mean = again[confident].softmax(dim=1).mean(dim=0)
    # Each of the classes 0 and 1 is the label of one face; a = 1/3.
    log = (mean[:2] / mean[:2].sum()).log()
    (log.sum() / 3).backward()
    assert_close(strong.grad, again.grad)
    assert strong.grad.abs().sum() > 0.01


def test_no_confident_face():
    method = FreeMatch(momentum=1.0, **SIZES)
    method.threshold.confidence.fill_(2.0)
    batch = make_batch()
    result = method.loss(Logits(), batch, 0)
    assert not result.confident.any()
    assert result.losses['loss_unsupervised'] == 0
    assert result.losses['loss_fairness'] == 0
    sum(result.losses.values()).backward()
    assert batch.strong.grad.tolist() == [[0, 0, 0]] * 3


def test_class_that_is_never_predicted():
    method = FreeMatch(momentum=0.0, **SIZES)
    weak = [[0.8, 0.2, 0.0], [0.3, 0.7, 0.0]]
    strong = [[0.8, 0.1, 0.1], [0.3, 0.4, 0.3]]
    batch = batch_of([[0.5, 0.25, 0.25]], [0], weak, strong)
    result = method.loss(Logits(), batch, 0)
    assert method.histogram.tolist() == [0.5, 0.5, 0]
    assert method.threshold.of_classes()[2] == 0
    # m / h = 1.1 and 0.9; means 0.55 and 0.25 over one label each.
    expected = 0.55 * math.log(0.55 / 0.8) + 0.45 * math.log(0.25 / 0.8)
    fairness = result.losses['loss_fairness'].item()
    assert fairness == pytest.approx(0.01 * expected)
    sum(result.losses.values()).backward()
    assert batch.strong.grad.isfinite().all()
