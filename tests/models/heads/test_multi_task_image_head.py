"""Per-task masks of a head for single images."""

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample

TASKS = dict(
    EXPR=dict(type='ExpressionTask'),
    VA=dict(type='ValenceArousalTask'),
    AU=dict(type='ActionUnitTask'),
)
UNKNOWN = dict(
    EXPR=torch.tensor(-1), VA=torch.full((2,), -5.0), AU=torch.full((12,), -1)
)


def head():
    torch.manual_seed(0)
    model = MODELS.build(
        dict(type='MultiTaskImageHead', tasks=TASKS, in_channels=6)
    )
    model.init_weights()
    return model


def sample(**labels):
    data = DataSample()
    for task, unknown in UNKNOWN.items():
        data.set_field(labels.get(task, unknown), f'{task}_gt_label')
    return data


def test_each_task_learns_from_its_own_images():
    torch.manual_seed(1)
    units = torch.tensor([1, 0, -1, 1, *[-1] * 8])
    samples = [
        sample(EXPR=torch.tensor(3), VA=torch.tensor([0.5, -0.5])),
        sample(AU=units),
        sample(),
        sample(VA=torch.tensor([-0.25, 1.0])),
    ]
    model, x = head(), torch.randn(4, 6)
    assert model.num_classes == 22
    logits = model((x,))
    losses = model.loss((x,), samples)
    expected = F.cross_entropy(logits['EXPR'][:1], torch.tensor([3]))
    torch.testing.assert_close(losses['loss_EXPR'], expected)
    expected = F.binary_cross_entropy_with_logits(
        logits['AU'][1, [0, 1, 3]], torch.tensor([1.0, 0, 1])
    )
    torch.testing.assert_close(losses['loss_AU'], expected)
    truth = torch.tensor([[0.5, -0.5], [-0.25, 1.0]])
    predicted = logits['VA'][[0, 3]].tanh()
    ccc = 0
    for t, p in zip(truth.T, predicted.T):
        between = 2 * ((t - t.mean()) * (p - p.mean())).mean()
        spread = t.var(correction=0) + p.var(correction=0)
        ccc += between / (spread + (t.mean() - p.mean()) ** 2)
    torch.testing.assert_close(losses['loss_VA'], 2 - ccc)


def test_images_without_any_label():
    model = head()
    losses = model.loss((torch.randn(2, 6),), [sample(), sample()])
    assert {float(loss) for loss in losses.values()} == {0.0}
    sum(losses.values()).backward()
    for parameter in model.parameters():
        assert not parameter.grad.any()


def test_predictions():
    x = torch.randn(3, 6)
    model = head()
    samples = model.predict((x,))
    logits = model((x,))
    for i, found in enumerate(model.predict((x,), samples)):
        scores = found.EXPR_pred_score
        torch.testing.assert_close(scores, logits['EXPR'][i].softmax(0))
        torch.testing.assert_close(found.VA_pred_score, logits['VA'][i].tanh())
        scores = found.AU_pred_score
        torch.testing.assert_close(scores, logits['AU'][i].sigmoid())
