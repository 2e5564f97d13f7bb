import math

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.methods import SimPro
from tests.helpers.logit_faces import SIZES, Logits, batch_of, logits_of


@pytest.fixture
def batch():
    """Prior .6, .3, .1 turns the second face from class 1 to class 0."""
    return batch_of(
        [[0.5, 0.25, 0.25]],
        [0],
        ([0.1, 0.1, 0.8], [0.3, 0.5, 0.2]),
        ([0.2, 0.4, 0.4], [0.1, 0.8, 0.1]),
    )


PRIOR = (0.6, 0.3, 0.1)
#: Weak probabilities times the prior, normalized.
PROBS = [[6 / 17, 3 / 17, 8 / 17], [18 / 35, 15 / 35, 2 / 35]]
#: Strong probabilities times the prior, normalized: .12 .12 .04; .06 .24 .01.
STRONG = [[12 / 28, 12 / 28, 4 / 28], [6 / 31, 24 / 31, 1 / 31]]


@pytest.mark.parametrize(
    'threshold, counted', [(0.0, (1, 1)), (0.5, (0, 1)), (0.52, (0, 0))]
)
def test_prior_is_in_label_loss_and_confidence(batch, threshold, counted):
    method = SimPro(threshold=threshold, weight=2.0, momentum=0.9, **SIZES)
    method.prior.copy_(torch.tensor(PRIOR))
    result = method.loss(Logits(), batch, 0)
    assert result.targets.argmax(1).tolist() == [2, 0]
    assert result.confident.tolist() == [bool(x) for x in counted]
    expected = -(
        counted[0] * math.log(STRONG[0][2])
        + counted[1] * math.log(STRONG[1][0])
    )
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(loss_supervised=-math.log(0.5), loss_unsupervised=expected)
    )
    # The mean of the probabilities, whether confident or not.
    mean = torch.tensor(PROBS).mean(dim=0)
    assert_close(method.prior, 0.9 * torch.tensor(PRIOR) + 0.1 * mean)
    assert method.prior.sum().item() == pytest.approx(1)


def test_soft_labels(batch):
    method = SimPro(threshold=0.0, pseudo_label='soft', **SIZES)
    method.prior.copy_(torch.tensor(PRIOR))
    result = method.loss(Logits(), batch, 0)
    assert_close(result.targets, torch.tensor(PROBS))
    expected = -sum(
        q * math.log(p)
        for qs, ps in zip(PROBS, STRONG)
        for q, p in zip(qs, ps)
    )
    loss = result.losses['loss_unsupervised'].item()
    assert loss == pytest.approx(expected / 2)


def test_uniform_prior_is_fixmatch(batch):
    result = SimPro(threshold=0.6, **SIZES).loss(Logits(), batch, 0)
    assert result.confident.tolist() == [True, False]
    loss = result.losses['loss_unsupervised'].item()
    assert loss == pytest.approx(-math.log(0.4) / 2)


def test_teacher_labels_instead_of_the_weak_view(batch):
    batch.teacher_logits = logits_of([0.9, 0.05, 0.05], [0.1, 0.8, 0.1])
    batch.teacher_logits.requires_grad_(False)
    method = SimPro(threshold=0.0, teacher=True, **SIZES)
    assert method.uses_teacher
    result = method.loss(Logits(), batch, 0)
    assert result.targets.argmax(1).tolist() == [0, 1]


def test_ramp_starts_after_the_warm_start():
    method = SimPro(warm_start=0.2, ramp=0.4, **SIZES)
    assert method.warm_start_iters == 20
    ramp = [method.ramp_up(i, method.ramp) for i in (20, 30, 60, 99)]
    assert ramp == pytest.approx([0, 0.25, 1, 1])
    assert method.ramp_up(20, 0.0) == 1


def test_class_that_is_never_seen_stays_possible(batch):
    method = SimPro(threshold=0.0, **SIZES)
    method.prior.copy_(torch.tensor([1.0, 0.0, 0.0]))
    result = method.loss(Logits(), batch, 0)
    assert result.losses['loss_unsupervised'].isfinite()
    assert result.logits.isfinite().all()
