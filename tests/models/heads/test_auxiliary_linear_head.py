"""Heads with a second linear layer."""

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models.heads import (
    AuxiliaryLinearHead,
    PriorLinearHead,
)
from fer_ssl.models.heads.auxiliary_linear_head import auxiliary_head

FEATS = (torch.arange(8.0).view(2, 4),)


@pytest.mark.parametrize('width', [3, 4])
def test_logits_of_both_layers(width):
    head = AuxiliaryLinearHead(3, 4, num_auxiliary=width)
    weights = head.state_dict()
    assert weights['auxiliary_fc.weight'].shape == (width, 4)
    classes = FEATS[0] @ head.fc.weight.T + head.fc.bias
    second = FEATS[0] @ head.auxiliary_fc.weight.T + head.auxiliary_fc.bias
    with head.auxiliary_logits():
        both = head(FEATS)
    assert_close(both, torch.cat([classes, second], dim=1))
    assert_close(head(FEATS), classes)
    assert_close(head.eval()(FEATS), classes)


def test_second_layer_has_a_gradient_of_zero_where_it_is_not_used():
    """DDP waits for a gradient of every weight."""
    head = AuxiliaryLinearHead(3, 4, num_auxiliary=3)
    head(FEATS).sum().backward()
    assert torch.equal(head.auxiliary_fc.weight.grad, torch.zeros(3, 4))
    assert head.fc.weight.grad.abs().sum() > 0


def test_predictions_are_those_of_the_first_layer():
    head = AuxiliaryLinearHead(3, 4, num_auxiliary=3).eval()
    plain = PriorLinearHead(num_classes=3, in_channels=4).eval()
    plain.load_state_dict(head.state_dict(), strict=False)
    for one, two in zip(head.predict(FEATS), plain.predict(FEATS)):
        assert torch.equal(one.pred_score, two.pred_score)
        assert torch.equal(one.balanced_pred_score, two.balanced_pred_score)


def test_an_error_leaves_the_first_layer_only():
    head = AuxiliaryLinearHead(3, 4, num_auxiliary=3)
    with pytest.raises(KeyError), head.auxiliary_logits():
        raise KeyError
    assert head(FEATS).shape == (2, 3)


def test_another_head_is_refused():
    network = torch.nn.Module()
    network.head = PriorLinearHead(num_classes=3, in_channels=4)
    with pytest.raises(
        ValueError,
        match=r"Some needs model.head=dict\(type='AuxiliaryLinearHead', "
        r'num_auxiliary=3\), found PriorLinearHead',
    ):
        auxiliary_head(network, 3, 'Some')
    network.head = AuxiliaryLinearHead(3, 4, num_auxiliary=4)
    assert auxiliary_head(network, 4, '') is network.head
    with pytest.raises(ValueError, match='found .* with num_auxiliary=4'):
        auxiliary_head(network, 3, '')
