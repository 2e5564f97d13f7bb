import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.pseudo_labels import (
    add_label_noise,
    consistency_loss,
    describe_pseudo_labels,
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


def test_label_noise_by_hand():
    targets = torch.eye(3)[[0, 1, 2, 0]]
    uniform = torch.tensor([[0.19, 0.4], [0.2, 0.9], [0.0, 0.99], [0.1, 0.5]])
    noisy = add_label_noise(targets, 0.2, uniform)
    assert noisy.argmax(1).tolist() == [1, 1, 1, 2]
    assert torch.equal(noisy.sum(1), torch.ones(4))


def test_label_noise_draws_every_other_class_alike():
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(30000, 2, generator=generator)
    targets = torch.eye(3)[[1]].expand(30000, 3)
    noisy = add_label_noise(targets, 0.4, uniform)
    expected = torch.tensor([0.2, 0.6, 0.2])
    assert_close(noisy.mean(0), expected, atol=0.01, rtol=0)
    assert torch.equal(add_label_noise(targets, 0.0, uniform), targets)


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
    loss, fraction = consistency_loss(weak, strong)
    target = weak.detach().softmax(1)
    by_hand = -(target * strong.log_softmax(1)).sum(1).mean()
    assert_close(loss, by_hand)
    assert fraction == 1
    loss.backward()
    assert weak.grad is None and strong.grad is not None


def test_consistency_sharpened_and_masked():
    weak = torch.tensor([[2.0, 0.0], [0.1, 0.0]])
    strong = torch.tensor([[0.5, 0.2], [1.0, -1.0]])
    loss, fraction = consistency_loss(weak, strong, 0.5, threshold=0.8)
    target = (weak[0] / 0.5).softmax(0)
    by_hand = -(target * strong[0].log_softmax(0)).sum() / 2
    assert_close(loss, by_hand)
    assert fraction == 0.5


def test_fractions_of_the_classes():
    truth = torch.tensor([0, 0, 1, -1])
    targets = torch.eye(3)[[0, 1, 1, 2]]
    outputs = describe_pseudo_labels(
        torch.zeros(4, 3), targets, truth, ('a', 'b', 'c')
    )
    own = {
        name.removeprefix('pseudo_label/'): value.item()
        for name, value in outputs.items()
        if name.startswith(('pseudo_label/known', 'pseudo_label/hits'))
    }
    assert own == dict(
        known=0.75,
        hits=0.5,
        known_a=0.5,
        known_b=0.25,
        known_c=0,
        hits_a=0.25,
        hits_b=0.25,
        hits_c=0,
    )
