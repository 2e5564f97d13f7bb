import torch
import torch.nn.functional as F
from torch.testing import assert_close

from fer_ssl.models.losses.known_class_cross_entropy import (
    known_class_cross_entropy,
)


def test_labels_and_distributions_of_all_classes():
    torch.manual_seed(0)
    logits = torch.randn(5, 4)
    labels = torch.tensor([0, 3, 1, 1, 2])
    assert_close(
        known_class_cross_entropy(logits, labels),
        F.cross_entropy(logits, labels),
    )
    targets = torch.rand(5, 4).softmax(dim=1)
    assert_close(
        known_class_cross_entropy(logits, targets),
        F.cross_entropy(logits, targets),
    )


def test_unknown_classes_are_left_out():
    """The second face has no third class: computed without it."""
    logits = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    logits.requires_grad_()
    labels = torch.tensor([[0.2, 0.3, 0.5], [0.25, 0.75, -1.0]])
    loss = known_class_cross_entropy(logits, labels)
    first = F.cross_entropy(logits[:1], labels[:1])
    second = F.cross_entropy(logits[1:, :2], labels[1:, :2])
    assert_close(loss, (first + second) / 2)
    loss.backward()
    assert logits.grad[1, 2] == 0
    assert logits.grad.isfinite().all() and logits.grad[1, :2].ne(0).all()
