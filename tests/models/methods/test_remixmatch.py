"""ReMixMatch, against values computed by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from fer_ssl.models.heads import AuxiliaryLinearHead, PriorLinearHead
from fer_ssl.models.methods import MethodBatch, ReMixMatch
from fer_ssl.models.methods.remixmatch import mix_up, rotate, sharpen
from tests.helpers.logit_faces import SIZES, Logits, batch_of, normalized

LABELED = [[0.5, 0.25, 0.25]]
WEAK = [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]
STRONG = [[0.2, 0.4, 0.4], [0.25, 0.25, 0.5]]


def make_batch():
    return batch_of(LABELED, [1], WEAK, STRONG)


def cross_entropy(targets, probs):
    """Mean over faces, of lists of distributions."""
    return -np.mean(
        [
            sum(a * math.log(b) for a, b in zip(x, y))
            for x, y in zip(targets, probs)
        ]
    )


def test_two_iterations_by_hand():
    """Without MixUp and rotation; the weight of L_U has half its value."""
    method = ReMixMatch(alpha=0, rotation_weight=0, ramp=0.1, **SIZES)
    batch = make_batch()
    prior, predicted = np.full((128, 3), 1 / 3), np.full((128, 3), 1 / 3)
    for iteration in (5, 6):
        result = method.loss(Logits(), batch, iteration)
        # Slots of earlier iterations only.
        ratio = (prior.mean(0) + 1e-6) / (predicted.mean(0) + 1e-6)
        aligned = [normalized(row * ratio) for row in np.array(WEAK)]
        q = [normalized([value**2 for value in row]) for row in aligned]
        assert_close(result.logits.softmax(1), torch.tensor(aligned).float())
        assert_close(result.targets, torch.tensor(q).float())
        losses = {name: value.item() for name, value in result.losses.items()}
        ramp = iteration / 10
        expected = dict(
            loss_supervised=-math.log(0.25),
            loss_unsupervised=ramp * 1.5 * cross_entropy(q + q, STRONG + WEAK),
            loss_strong=ramp * 0.5 * cross_entropy(q, STRONG),
        )
        assert losses == pytest.approx(expected, rel=1e-5)
        prior = np.concatenate([prior[1:], [[0, 1, 0]]])
        predicted = np.concatenate([predicted[1:], [[0.4, 0.25, 0.35]]])
    assert abs(ratio[1] - 1) > 0.01, 'the second iteration is aligned'
    history = np.stack([prior, predicted])
    assert_close(method.history, torch.tensor(history).float())
    assert result.confident is None


def test_targets_have_no_gradient():
    """The weak views learn, but the labels that they make do not."""
    batch = make_batch()
    method = ReMixMatch(alpha=0, rotation_weight=0, ramp=0, **SIZES)
    result = method.loss(Logits(), batch, 0)
    result.losses['loss_unsupervised'].backward()
    p = torch.tensor(WEAK)
    # The gradient of the cross-entropy of a constant label, over 4 faces.
    assert_close(batch.weak[0].grad, 1.5 * (p - result.targets) / 4)


def test_history_forgets_after_128_iterations():
    method = ReMixMatch(**SIZES)
    labels = torch.tensor([[0.0, 1.0, 0.0]])
    probs = torch.tensor([[0.2, 0.3, 0.5]])
    for _ in range(128):
        method.align(probs, labels)
    assert_close(
        method.history, torch.stack([labels, probs]).expand(2, 128, 3)
    )
    # A class without a labeled face is not aligned to, and nothing is NaN.
    aligned = method.align(probs, labels)
    assert_close(aligned, labels, atol=1e-4, rtol=0)


def test_without_alignment():
    method = ReMixMatch(alignment=False, rotation_weight=0, **SIZES)
    method.history[0, :, 0] = 1.0
    result = method.loss(Logits(), make_batch(), 0)
    assert_close(result.logits.exp(), torch.tensor(WEAK))
    squares = torch.tensor([[0.36, 0.09, 0.01], [0.04, 0.04, 0.36]])
    expected = squares / torch.tensor([[0.46], [0.44]])
    assert_close(result.targets, expected)


def test_sharpen():
    q = sharpen(torch.tensor([[0.5, 0.3, 0.2]]), 0.5)
    assert_close(q, torch.tensor([[0.25, 0.09, 0.04]]) / 0.38)


def test_mix_up_by_its_fractions():
    """Faces and labels are unit vectors, so they show what was mixed."""
    torch.manual_seed(0)
    eye = torch.eye(500)
    faces, targets = mix_up(eye[:, None, None], eye, alpha=0.75)
    assert torch.equal(faces[:, 0, 0], targets)
    assert_close(targets.sum(dim=1), torch.ones(500))
    own = targets.diag()
    assert (own >= 0.5).all()
    partners = (targets - own.diag()).argmax(dim=1)
    mixed = own < 1
    assert mixed.sum() > 490, 'hardly any face was mixed with itself'
    other = targets[mixed, partners[mixed]]
    assert_close(other, 1 - own[mixed])
    assert len(partners[mixed].unique()) == mixed.sum(), 'each face once'
    # E max(b, 1 - b) = 1/2 + 4^-a / (a B(a, a)) for b ~ Beta(a, a).
    beta = math.gamma(0.75) ** 2 / math.gamma(1.5)
    mean = 0.5 + 0.25**0.75 / (0.75 * beta)
    assert own.mean().item() == pytest.approx(mean, abs=0.02)
    assert own.unique().numel() > 400, 'one fraction per face'


def test_mixed_faces_keep_their_place():
    """Labeled faces first: they are mostly those of their own label."""
    batch = make_batch()
    method = ReMixMatch(rotation_weight=0, ramp=0, **SIZES)
    torch.manual_seed(3)
    result = method.loss(Logits(), batch, 0)
    labels = torch.tensor([[0.0, 1, 0]])
    torch.manual_seed(3)
    faces, targets = mix_up(
        torch.cat([batch.faces, batch.strong, batch.weak[0]]),
        torch.cat([labels, result.targets, result.targets]),
        0.75,
    )
    losses = -(targets * faces.log_softmax(dim=1)).sum(dim=1)
    assert_close(result.losses['loss_supervised'], losses[:1].mean())
    expected = 1.5 * losses[1:].mean()
    assert_close(result.losses['loss_unsupervised'], expected)
    assert targets[0, 1] >= 0.5


def test_rotate():
    face = torch.tensor([[1.0, 2], [3, 4]])
    faces = face.expand(5, 1, 2, 2)
    rotated = rotate(faces, torch.tensor([0, 1, 2, 3, 1]))
    expected = [
        [[1, 2], [3, 4]],
        [[2, 4], [1, 3]],
        [[4, 3], [2, 1]],
        [[3, 1], [4, 2]],
        [[2, 4], [1, 3]],
    ]
    assert rotated[:, 0].tolist() == expected
    with pytest.raises(ValueError, match=r'square, found \(2, 3\)'):
        rotate(torch.zeros(2, 1, 2, 3), torch.zeros(2, dtype=torch.long))


class Network(nn.Module):
    """Its features are the pixels of faces of 2 x 2."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = AuxiliaryLinearHead(3, 4, num_auxiliary=4)
        self.passes = 0

    def forward(self, inputs, mode):
        self.passes += 1
        return self.head((inputs.flatten(1),))


def image_batch():
    generator = torch.Generator().manual_seed(1)

    def faces(count):
        return torch.randn(count, 1, 2, 2, generator=generator)

    return MethodBatch(
        faces(4),
        torch.tensor([0, 1, 2, 1]),
        [faces(3)],
        faces(3),
        torch.tensor([5, 0, 2]),
    )


def test_rotation_loss_by_hand():
    network, batch = Network(), image_batch()
    method = ReMixMatch(rotation_weight=2.0, **SIZES)
    result = method.loss(network, batch, 6)
    assert network.passes == 2, 'the weak views come first'
    layer = network.head.auxiliary_fc
    expected = 0.0
    for face, turns in zip(batch.strong, [3, 2, 0]):  # (index + 6) % 4
        pixels = np.rot90(face[0].numpy(), turns).copy().reshape(4)
        logits = layer.weight @ torch.tensor(pixels) + layer.bias
        expected -= 2 / 3 * logits.log_softmax(dim=0)[turns].item()
    assert result.losses['loss_rotation'].item() == pytest.approx(expected)
    sum(result.losses.values()).backward()
    for parameter in network.parameters():
        assert parameter.grad.abs().sum() > 0


def test_labels_of_a_teacher():
    network, batch = Network(), image_batch()
    batch.teacher_logits = torch.tensor(
        [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]
    ).log()
    result = ReMixMatch(teacher=True, **SIZES).loss(network, batch, 0)
    assert network.passes == 1
    assert_close(result.logits.exp(), batch.teacher_logits.exp())


def test_another_head():
    network, batch = Network(), image_batch()
    network.head = PriorLinearHead(3, 4)
    method = ReMixMatch(**SIZES)
    for call in (
        lambda: method.check_network(network),
        lambda: method.loss(network, batch, 0),
    ):
        with pytest.raises(ValueError, match='ReMixMatch needs model.head'):
            call()
    method = ReMixMatch(rotation_weight=0, **SIZES)
    method.check_network(network)
    assert 'loss_rotation' not in method.loss(network, batch, 0).losses
