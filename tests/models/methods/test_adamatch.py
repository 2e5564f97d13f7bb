import copy
import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from fer_ssl.models.methods import AdaMatch, MethodBatch
from fer_ssl.models.methods.base_method import predict
from tests.helpers.logit_faces import (
    SIZES,
    batch_of,
    logits_of,
    normalized,
)

LABELED = [0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.4, 0.4, 0.2], [0.3, 0.3, 0.4]
ALONE = [0.4, 0.4, 0.2], [0.2, 0.6, 0.2], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]
WEAK = [0.7, 0.2, 0.1], [0.35, 0.33, 0.32], [0.6, 0.1, 0.3]
STRONG = [0.2, 0.4, 0.4], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]


class TwoPasses(nn.Module):
    """Faces are logits; four faces alone get the logits of ALONE."""

    def forward(self, inputs, mode):
        return logits_of(*ALONE) if len(inputs) == 4 else inputs


class BatchNormed(nn.Sequential):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))

    def forward(self, inputs, mode):
        return super().forward(inputs)


def random_batch():
    generator = torch.Generator().manual_seed(1)
    faces = [torch.randn(count, 5, generator=generator) for count in (4, 6, 6)]
    labels = torch.tensor([0, 1, 0, 1])
    return MethodBatch(faces[0], labels, [faces[1]], faces[2])


def test_by_hand(monkeypatch):
    """A quarter of the way to the logits of the labeled faces alone."""
    monkeypatch.setattr(torch, 'rand_like', lambda x: torch.full_like(x, 0.25))
    method = AdaMatch(momentum=0.9, window=2, weight=2.0, **SIZES)
    batch = batch_of(LABELED, [0, 1, 0, 1], WEAK, STRONG)
    result = method.loss(TwoPasses(), batch, 25)

    mixed = [
        normalized([x**0.75 * y**0.25 for x, y in zip(*rows)])
        for rows in zip(LABELED, ALONE)
    ]
    labeled_prior = [0.3 + 0.1 * (x + y) / 2 for x, y in zip(*mixed[:2])]
    assert_close(method.labeled_prior, torch.tensor(labeled_prior))
    means = [1.65 / 3, 0.63 / 3, 0.72 / 3]
    assert_close(method.recent[0], torch.full((3,), 1 / 3))
    assert_close(method.recent[1], torch.tensor(means))
    ratio = [x / ((1 / 3 + y) / 2) for x, y in zip(labeled_prior, means)]
    aligned = [normalized([x * y for x, y in zip(row, ratio)]) for row in WEAK]
    assert_close(result.logits.exp(), torch.tensor(aligned))
    # The second face was of class 0 before the alignment.
    assert result.targets.argmax(1).tolist() == [0, 1, 0]
    threshold = 0.9 * (max(mixed[0]) + max(mixed[1])) / 2
    assert 0.5 < threshold < 0.56
    expected = [max(row) >= threshold for row in aligned]
    assert result.confident.tolist() == expected == [True, False, False]

    right = [mixed[face][label] for face, label in enumerate((0, 1, 0, 1))]
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(
            loss_supervised=-sum(math.log(p) for p in right) / 4,
            # alpha = 2 * (1 - cos(pi / 2)) / 2, halfway up the ramp
            loss_unsupervised=-math.log(0.2) / 3,
        )
    )
    sum(result.losses.values()).backward()
    assert not batch.weak[0].grad.any()
    assert batch.strong.grad[1:].tolist() == [[0, 0, 0]] * 2


def test_weight():
    method = AdaMatch(warm_start=0.2, **SIZES)
    weights = [method.alpha(i) for i in (20, 45, 70, 99)]
    expected = [0, 0.5, 1, 1]
    assert weights == pytest.approx(expected)
    method = AdaMatch(ramp=0.4, weight=2.0, **SIZES)
    assert method.alpha(10) == pytest.approx(1 - math.sqrt(0.5))


def test_window_and_momentum():
    """The oldest batch leaves the window."""
    method = AdaMatch(momentum=0.5, window=2, **SIZES)
    rows = torch.eye(3)
    for row in rows:
        method.align(row[None], row[None])
    assert_close(method.recent, rows[1:])
    expected = torch.full((3,), 1 / 24) + torch.tensor([0.125, 0.25, 0.5])
    assert_close(method.labeled_prior, expected)


def test_class_that_is_never_predicted():
    method = AdaMatch(window=1, momentum=0.0, **SIZES)
    rows = torch.tensor([[0.8, 0.2, 0.0], [0.5, 0.5, 0.0]])
    assert_close(method.align(rows, rows), rows)


def test_interpolation_with_batch_norm():
    """The random numbers differ for each face and class."""
    network, batch = BatchNormed(), random_batch()
    joint, *_ = predict(
        copy.deepcopy(network), batch.faces, batch.weak[0], batch.strong
    )
    (alone,) = predict(copy.deepcopy(network), batch.faces)
    assert not torch.allclose(joint, alone)
    torch.manual_seed(3)
    logits = joint + torch.rand(4, 3) * (alone - joint)
    torch.manual_seed(3)
    loss = AdaMatch(**SIZES).loss(network, batch, 0).losses['loss_supervised']
    assert_close(loss, nn.functional.cross_entropy(logits, batch.labels))


def test_only_the_joint_pass_updates_batch_norm():
    network, batch = BatchNormed(), random_batch()
    expected = copy.deepcopy(network)
    predict(expected, batch.faces, batch.weak[0], batch.strong)
    losses = AdaMatch(**SIZES).loss(network, batch, 0).losses
    sum(losses.values()).backward()
    found = dict(network.named_buffers())
    for name, value in expected.named_buffers():
        assert torch.equal(found[name], value), name
    assert network[1].track_running_stats
