import math

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.methods import DeFixMatch
from tests.helpers.logit_faces import SIZES, Logits, batch_of

LABELED_WEAK = [0.9, 0.05, 0.05], [0.5, 0.2, 0.3]
LABELED_STRONG = [0.4, 0.4, 0.2], [0.3, 0.3, 0.4]
WEAK = [0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.05, 0.05, 0.9]
STRONG = [0.2, 0.4, 0.4], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]


def make_batch():
    labeled = *LABELED_WEAK, *LABELED_STRONG
    return batch_of(labeled, [1, 2, 1, 2], WEAK, STRONG)


def test_by_hand():
    """One of two labeled faces is confident, with a wrong label."""
    method = DeFixMatch(threshold=0.75, weight=2.0, **SIZES)
    batch = make_batch()
    result = method.loss(Logits(), batch, 0)
    assert result.confident.tolist() == [True, False, True]
    assert result.targets.argmax(1).tolist() == [0, 1, 2]
    losses = {name: value.item() for name, value in result.losses.items()}
    right = 0.05, 0.3, 0.4, 0.4  # probabilities of the true classes
    assert losses == pytest.approx(
        dict(
            loss_supervised=-sum(math.log(p) for p in right) / 4,
            loss_unsupervised=-2 * (math.log(0.2) + math.log(0.1)) / 3,
            loss_debiasing=2 * math.log(0.4) / 2,
        )
    )
    result.losses['loss_debiasing'].backward()
    # Of minus the cross-entropy: the label's probability decreases.
    expected = torch.tensor([0.6, -0.4, -0.2])
    assert_close(batch.faces.grad[2], expected)
    for face in (0, 1, 3):
        assert batch.faces.grad[face].tolist() == [0, 0, 0]


def test_same_faces_cancel():
    """Unlabeled faces that are the labeled ones leave the labels' loss."""
    batch = batch_of(
        (*LABELED_WEAK, *LABELED_STRONG),
        [1, 2, 1, 2],
        LABELED_WEAK,
        LABELED_STRONG,
    )
    losses = DeFixMatch(threshold=0.75, **SIZES).loss(Logits(), batch, 0)
    losses = losses.losses
    assert losses['loss_unsupervised'] > 0
    assert losses['loss_unsupervised'] + losses['loss_debiasing'] == 0
