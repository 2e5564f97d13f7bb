"""Decoupled student, against values computed by hand."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from fer_ssl.models.heads import AuxiliaryLinearHead, PriorLinearHead
from fer_ssl.models.methods import DecoupledStudent
from tests.helpers.logit_faces import SIZES, batch_of, normalized

PRIOR = [0.7, 0.2, 0.1]
LABELED = [[0.5, 0.25, 0.25]]
WEAK = [[0.3, 0.4, 0.3], [0.1, 0.1, 0.8]]
STRONG = [[0.2, 0.4, 0.4], [0.25, 0.25, 0.5]]


class Network(nn.Module):
    """Head L returns the features; head P returns them in reverse order."""

    def __init__(self):
        super().__init__()
        self.head = AuxiliaryLinearHead(3, 3, num_auxiliary=3)
        with torch.no_grad():
            self.head.fc.weight.copy_(torch.eye(3))
            self.head.auxiliary_fc.weight.copy_(torch.eye(3).flip(0))
            self.head.fc.bias.zero_()
            self.head.auxiliary_fc.bias.zero_()
        self.passes = 0

    def forward(self, inputs, mode):
        self.passes += 1
        return self.head((inputs,))


def make_batch():
    return batch_of(LABELED, [1], WEAK, STRONG)


def make_method(**options):
    method = DecoupledStudent(**options, **SIZES)
    method.prior.copy_(torch.tensor(PRIOR))
    return method


@pytest.mark.parametrize('separate', [False, True])
def test_losses_by_hand(separate):
    network = Network()
    method = make_method(
        threshold=0.6, momentum=0.9, separate_weak_pass=separate
    )
    result = method.loss(network, make_batch(), 0)
    assert network.passes == 1 + separate
    q = [normalized([p * w for p, w in zip(PRIOR, row)]) for row in WEAK]
    # 0.21 : 0.08 : 0.03 and 0.07 : 0.02 : 0.08.
    assert_close(result.logits.softmax(1), torch.tensor(q))
    assert result.confident.tolist() == [True, False]
    assert result.targets.argmax(1).tolist() == [0, 2]
    # Head P sees the first strong view as 0.4, 0.4, 0.2.
    p = normalized([0.7 * 0.4, 0.2 * 0.4, 0.1 * 0.2])
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(
            loss_supervised=-math.log(0.25),
            loss_unsupervised=-math.log(p[0]) / 2,
        )
    )
    mean = (torch.tensor(q[0]) + torch.tensor(q[1])) / 2
    assert_close(method.prior, 0.9 * torch.tensor(PRIOR) + 0.1 * mean)


def test_each_head_learns_its_own_faces():
    network = Network()
    result = make_method(threshold=0.0).loss(network, make_batch(), 0)
    first, second = network.head.fc, network.head.auxiliary_fc
    result.losses['loss_unsupervised'].backward(retain_graph=True)
    assert not first.weight.grad.any()
    assert second.weight.grad.any()
    network.zero_grad()
    result.losses['loss_supervised'].backward()
    assert first.weight.grad.any()
    assert not second.weight.grad.any()


def test_pseudo_labels_of_a_teacher():
    batch = make_batch()
    batch.teacher_logits = torch.tensor(WEAK).flip(1).log()
    batch.weak = []
    result = make_method(teacher=True).loss(Network(), batch, 0)
    expected = torch.tensor(
        [
            normalized([p * w for p, w in zip(PRIOR, reversed(row))])
            for row in WEAK
        ]
    )
    assert_close(result.logits.softmax(1), expected)


def test_no_confident_face():
    network = Network()
    result = make_method(threshold=1.1).loss(network, make_batch(), 0)
    assert not result.confident.any()
    assert result.losses['loss_unsupervised'].item() == 0
    sum(result.losses.values()).backward()
    for parameter in network.parameters():
        assert parameter.grad is not None, 'DDP waits for it'


def test_another_head():
    network = Network()
    method = make_method()
    method.check_network(network)
    network.head = PriorLinearHead(3, 3)
    for call in (
        lambda: method.check_network(network),
        lambda: method.loss(network, make_batch(), 0),
    ):
        with pytest.raises(
            ValueError, match='DecoupledStudent needs model.head'
        ):
            call()
