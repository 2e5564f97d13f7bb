import torch
from mmpretrain.structures import DataSample
from torch.testing import assert_close

from fer_ssl.models import PriorLinearHead


def make_head():
    torch.manual_seed(0)
    return PriorLinearHead(num_classes=3, in_channels=4, topk=(1,))


def test_uniform_prior_is_a_plain_classifier():
    head, feats = make_head(), (torch.randn(2, 4),)
    for sample, score in zip(head.predict(feats), head(feats).softmax(1)):
        assert_close(sample.pred_score, score)
        assert_close(sample.balanced_pred_score, score)


def test_prior_by_hand():
    """Balanced probabilities 1/2, 1/4, 1/4 under the prior .1, .8, .1."""
    head = make_head()
    with torch.no_grad():
        head.fc.weight.zero_()
        head.fc.bias.copy_(torch.tensor([0.5, 0.25, 0.25]).log())
    prior = torch.tensor([0.1, 0.8, 0.1])
    head.log_prior.copy_((3 * prior).log())
    feats = (torch.randn(1, 4),)
    (sample,) = head.predict(feats, [DataSample().set_gt_label(0)])
    joint = torch.tensor([0.05, 0.2, 0.025])
    assert_close(sample.pred_score, joint / joint.sum())
    assert sample.pred_label.tolist() == [1]
    assert_close(sample.balanced_pred_score, torch.tensor([0.5, 0.25, 0.25]))
    assert sample.gt_label.tolist() == [0]
    assert head(feats).argmax() == 0, 'logits are those of balanced classes'


def test_prior_is_saved():
    head, other = make_head(), make_head()
    head.log_prior.copy_(torch.tensor([-1.0, 0.5, 0.2]))
    other.load_state_dict(head.state_dict())
    assert torch.equal(other.log_prior, head.log_prior)
