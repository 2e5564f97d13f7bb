import pytest
import torch
from mmengine.registry import DefaultScope

from fer_ssl.models.heads import ExpressionTask
from fer_ssl.models.losses.frame_cross_entropy import FrameCrossEntropy

WEIGHTS = [0.5, 4.0, 1.0]
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [0.0, 1.0, 0.0]])
LABELS = torch.tensor([1, 2, 0])


def test_class_weights_by_hand():
    each = -LOGITS.log_softmax(dim=1)[torch.arange(3), LABELS]
    weights = torch.tensor(WEIGHTS)[LABELS]
    expected = 2 * (weights * each).sum() / weights.sum()
    loss = FrameCrossEntropy(WEIGHTS, loss_weight=2.0)
    torch.testing.assert_close(loss(LOGITS, LABELS), expected)
    assert not loss.state_dict()


@pytest.mark.parametrize('scope', ['mmengine', 'mmpretrain', 'mmaction'])
def test_the_name_means_the_same_in_every_scope(scope):
    pytest.importorskip(scope)
    cfg = dict(type='CrossEntropyLoss', class_weight=WEIGHTS)
    with DefaultScope.overwrite_default_scope(scope):
        task = ExpressionTask(3, loss_cls=cfg)
    assert isinstance(task.loss_cls, FrameCrossEntropy)


@pytest.mark.parametrize('smoothing', [{}, dict(label_smoothing=0.1)])
def test_equals_the_loss_of_mmaction2(smoothing):
    losses = pytest.importorskip('mmaction.models.losses')
    theirs = losses.CrossEntropyLoss(loss_weight=0.3, class_weight=WEIGHTS)
    ours = FrameCrossEntropy(WEIGHTS, loss_weight=0.3)
    torch.testing.assert_close(
        ours(LOGITS, LABELS, **smoothing), theirs(LOGITS, LABELS, **smoothing)
    )
