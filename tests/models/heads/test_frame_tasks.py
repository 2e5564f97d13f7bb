"""Losses and scores of the tasks against plain references."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from torch import nn

from fer_ssl.models.heads import (
    ActionUnitTask,
    ExpressionTask,
    MultiTaskFrameHead,
    TemporalFrameHead,
    ValenceArousalTask,
)
from fer_ssl.models.heads.frame_classifier import FrameClassifier
from fer_ssl.models.losses import ConcordanceLoss
from tests.helpers.reference_scores import reference_ccc

ENCODER = dict(type='TCN', in_channels=6, channels=(8,), dropout=0.0)
TASKS = dict(
    EXPR=dict(type='ExpressionTask'),
    VA=dict(type='ValenceArousalTask'),
    AU=dict(type='ActionUnitTask'),
)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def random_labels(size, task):
    """Labels of which a third is not annotated."""
    if task == 'EXPR':
        labels = torch.randint(8, size)
        return torch.where(torch.rand(size) < 0.3, -1, labels)
    if task == 'VA':
        labels = torch.rand(*size, 2) * 2 - 1
        labels[torch.rand(size) < 0.3] = -5
        labels[..., 1][torch.rand(size) < 0.1] = -5  # one of the two
        return labels
    labels = torch.randint(2, (*size, 12))
    return torch.where(torch.rand(*size, 12) < 0.3, -1, labels)


def batch(task, size=(3, 7)):
    built = MODELS.build(TASKS[task])
    logits = torch.randn(*size, built.num_outputs) * 2
    valid = torch.rand(size) < 0.7
    return logits, random_labels(size, task), valid


def concordance_loss_by_hand(predicted, truth, known):
    return (1 - reference_ccc(truth[known], predicted[known])).sum()


# ------------------------------------------------------------ valence-arousal


@pytest.mark.parametrize('output', ['tanh', 'clip'])
@pytest.mark.parametrize('per', ['batch', 'sequence'])
def test_concordance_loss(output, per):
    task = ValenceArousalTask(
        loss=dict(type='ConcordanceLoss', per=per), output=output
    )
    logits, labels, valid = batch('VA')
    logits[~valid] = 1e6
    labels[2] = -5
    predicted = logits.tanh() if output == 'tanh' else logits
    known = (valid & (labels != -5).all(-1)).numpy()
    predicted, truth = predicted.double().numpy(), labels.double().numpy()
    if per == 'batch':
        expected = concordance_loss_by_hand(predicted, truth, known)
    else:
        expected = np.mean(
            [
                concordance_loss_by_hand(*clip)
                for clip in zip(predicted, truth, known)
                if clip[2].any()
            ]
        )
    assert task.loss(logits, labels, valid).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_concordance_loss_is_exact_far_from_zero():
    """Single precision would lose E[x^2] - E[x]^2 of such numbers."""
    truth = torch.rand(1, 500, 2) * 0.01 + 100
    predicted = truth + torch.rand(1, 500, 2) * 0.01
    known = torch.ones(1, 500, dtype=torch.bool)
    found = ConcordanceLoss()(predicted, truth, known)
    expected = concordance_loss_by_hand(
        *(x.double().numpy() for x in (predicted, truth)), known.numpy()
    )
    assert found.item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize('std', [1e-2, 1e-4, 1e-6])
def test_concordance_loss_of_almost_constant_annotations(std):
    torch.manual_seed(0)
    truth = 0.3 + std * torch.randn(1, 500, 2)
    predicted = truth + 0.1 * std * torch.randn(1, 500, 2)
    predicted.requires_grad_()
    known = torch.ones(1, 500, dtype=torch.bool)
    found = ConcordanceLoss()(predicted, truth, known)
    expected = concordance_loss_by_hand(
        *(x.detach().double().numpy() for x in (predicted, truth)),
        known.numpy(),
    )
    assert expected < 0.05
    assert found.item() == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert predicted.grad.isfinite().all() and predicted.grad.any()


@pytest.mark.parametrize('truth', [0.0, 0.1, 0.7])
@pytest.mark.parametrize('predicted', [0.0, 0.1, 0.7])
@pytest.mark.parametrize('size', [1, 7])
def test_concordance_of_constants_has_finite_gradients(truth, predicted, size):
    predicted = torch.full((1, size, 2), predicted, requires_grad=True)
    truth = torch.full((1, size, 2), truth)
    known = torch.ones(1, size, dtype=torch.bool)
    loss = ConcordanceLoss()(predicted, truth, known)
    assert loss == 2
    loss.backward()
    assert predicted.grad.isfinite().all() and not predicted.grad.any()


def test_a_constant_prediction_learns_to_vary():
    predicted = torch.full((1, 9, 2), 0.1, requires_grad=True)
    truth = torch.linspace(-0.5, 0.5, 9)[None, :, None].repeat(1, 1, 2)
    known = torch.ones(1, 9, dtype=torch.bool)
    ConcordanceLoss()(predicted, truth, known).backward()
    assert (predicted.grad[0, 0] > 0).all()
    assert (predicted.grad[0, -1] < 0).all()


def test_valence_and_arousal_stay_in_range():
    logits = torch.tensor([-9.0, -0.3, 0.2, 9.0])
    clipped = ValenceArousalTask(output='clip').predict(logits)
    assert clipped.tolist() == pytest.approx([-1, -0.3, 0.2, 1])
    torch.testing.assert_close(
        ValenceArousalTask().predict(logits.half()),
        logits.half().float().tanh(),
    )


def test_invalid_options():
    with pytest.raises(ValueError, match="'sigmoid' is neither 'tanh'"):
        ValenceArousalTask(output='sigmoid')
    with pytest.raises(ValueError, match="per='video' is neither"):
        ConcordanceLoss(per='video')
    with pytest.raises(ValueError, match='must be 12 numbers'):
        ActionUnitTask(pos_weight=[1.0, 2.0])
    for counts in ([1, 2], [1, 0, 3]):
        with pytest.raises(ValueError, match='must be 3 numbers above zero'):
            ExpressionTask(3, class_counts=counts)


# ----------------------------------------------------------------- expression


@pytest.mark.parametrize('smoothing', [0.0, 0.2])
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('adjusted', [False, True])
def test_expression_loss(smoothing, weighted, adjusted):
    weight = torch.linspace(0.5, 3, 8) if weighted else None
    counts = [90, 1, 5, 3, 40, 7, 2, 9] if adjusted else None
    task = ExpressionTask(
        loss_cls=dict(
            type='CrossEntropyLoss',
            class_weight=weight.tolist() if weighted else None,
        ),
        label_smoothing=smoothing,
        class_counts=counts,
    )
    logits, labels, valid = batch('EXPR')
    total, mass = 0.0, 0.0
    for row, label, ok in zip(
        logits.flatten(0, 1), labels.flatten(), valid.flatten()
    ):
        if not ok or label < 0:
            continue
        if adjusted:
            row = row + torch.tensor(counts).div(sum(counts)).log()
        target = F.one_hot(label, 8) * (1 - smoothing) + smoothing / 8
        w = weight if weighted else torch.ones(8)
        total += -(target * w * row.log_softmax(0)).sum()
        mass += w[label]
    torch.testing.assert_close(task.loss(logits, labels, valid), total / mass)
    torch.testing.assert_close(task.predict(logits), logits.softmax(-1))


def test_other_losses_for_expressions():
    task = ExpressionTask(
        3, loss_cls=dict(type='mmpretrain.FocalLoss', loss_weight=2.0)
    )
    assert type(task.loss_cls).__module__.startswith('mmpretrain')


# --------------------------------------------------------------- action units


@pytest.mark.parametrize('pos_weight', [None, list(range(1, 13))])
def test_action_unit_loss(pos_weight):
    task = ActionUnitTask(pos_weight=pos_weight)
    logits, labels, valid = batch('AU')
    losses = []
    for n, t, unit in np.ndindex(3, 7, 12):
        truth = labels[n, t, unit]
        if valid[n, t] and truth != -1:
            p = logits[n, t, unit].double().sigmoid()
            factor = pos_weight[unit] if pos_weight else 1
            losses.append(-factor * p.log() if truth else -(1 - p).log())
    torch.testing.assert_close(
        task.loss(logits, labels, valid).double(), torch.stack(losses).mean()
    )
    torch.testing.assert_close(task.predict(logits), logits.sigmoid())


# ---------------------------------------------------------------- every task


@pytest.mark.parametrize('task', TASKS)
def test_nothing_to_learn_from(task):
    built = MODELS.build(TASKS[task])
    logits, labels, valid = batch(task)
    ignored = torch.full_like(labels, -5 if task == 'VA' else -1)
    for arguments in ((ignored, valid), (labels, torch.zeros_like(valid))):
        logits.requires_grad_().grad = None
        loss = built.loss(logits, *arguments)
        assert loss == 0
        loss.backward()
        assert not logits.grad.any()


@pytest.mark.parametrize('task', TASKS)
def test_ignored_frames_do_not_matter(task):
    built = MODELS.build(dict(TASKS[task], loss_weight=3.0))
    logits, labels, valid = batch(task)
    expected = built.loss(logits, labels, valid)
    plain = MODELS.build(TASKS[task]).loss(logits, labels, valid)
    torch.testing.assert_close(expected, 3 * plain)
    other, random = logits.clone(), random_labels(valid.shape, task)
    other[~valid] = 77
    labels[~valid] = random[~valid]
    torch.testing.assert_close(built.loss(other, labels, valid), expected)


# ---------------------------------------------------------------- classifier


def test_classifier_of_paper_b():
    model = FrameClassifier(512, 7, hidden_channels=256)
    plain = nn.Sequential(
        nn.Linear(512, 256), nn.BatchNorm1d(256), nn.Linear(256, 7)
    )
    plain.load_state_dict(
        dict(zip(plain.state_dict(), model.state_dict().values()))
    )
    x = torch.randn(2, 5, 512)
    valid = torch.tensor([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    junk = torch.where(valid[..., None], x, torch.randn_like(x) * 99)
    torch.testing.assert_close(model(junk, valid)[valid], plain(x[valid]))
    torch.testing.assert_close(model.norm.running_mean, plain[1].running_mean)
    model.eval(), plain.eval()
    torch.testing.assert_close(model(junk, valid)[valid], plain(x[valid]))
    # A single frame has no variance.
    model.train()
    before = model.norm.running_var.clone()
    one = torch.zeros_like(valid)
    for ok in (one, one | (torch.arange(5) == 2) & torch.tensor([[1], [0]])):
        assert model(x, ok.bool()).isfinite().all()
    torch.testing.assert_close(model.norm.running_var, before)


# --------------------------------------------------------------------- heads


def sample(labels, valid, num_frames=99, start=0):
    data = BaseDataElement(
        metainfo=dict(video='a', start=start, num_frames=num_frames)
    )
    for key, value in labels.items():
        data.set_field(value, key)
    data.set_field(valid, 'valid')
    return data


def heads():
    """One head of three tasks, and three with the same weights."""
    multi = MultiTaskFrameHead(TASKS, ENCODER, hidden_channels=5).eval()
    assert multi.num_classes == 22
    singles = {}
    for name, task in TASKS.items():
        single = TemporalFrameHead(
            multi.tasks[name].num_outputs,
            ENCODER,
            task=task,
            hidden_channels=5,
        ).eval()
        single.temporal_encoder.load_state_dict(
            multi.temporal_encoder.state_dict()
        )
        single.classifier.load_state_dict(multi.classifiers[name].state_dict())
        singles[name] = single
    return multi, singles


def test_several_tasks_equal_each_of_them():
    multi, singles = heads()
    x, valid = torch.randn(3, 7, 6), torch.rand(3, 7) < 0.7
    labels = {task: random_labels((3, 7), task) for task in TASKS}
    # Clips that are annotated for one task only.
    labels['VA'][0], labels['AU'][1] = -5, -1

    def mixed():
        return [
            sample({f'{k}_gt_label': v[i] for k, v in labels.items()}, v, 5)
            for i, v in enumerate(valid)
        ]

    def of(task):
        return [
            sample(dict(gt_label=labels[task][i]), v, 5)
            for i, v in enumerate(valid)
        ]

    losses = multi.loss(x, mixed(), valid=valid)
    predicted = multi.predict(x, mixed(), valid=valid)
    assert set(losses) == {'loss_EXPR', 'loss_VA', 'loss_AU'}
    for task, single in singles.items():
        expected = single.loss(x, of(task), valid=valid)['loss_cls']
        assert expected > 0
        torch.testing.assert_close(losses[f'loss_{task}'], expected)
        for one, other in zip(
            predicted, single.predict(x, of(task), valid=valid)
        ):
            assert len(other.pred_score) == 5
            for key in ('pred_score', 'gt_label'):
                torch.testing.assert_close(
                    one.get(f'{task}_{key}'), other.get(key)
                )
            torch.testing.assert_close(one.valid, other.valid)


def test_several_tasks_without_any_label():
    multi, _ = heads()
    x, valid = torch.randn(1, 4, 6), torch.ones(1, 4, dtype=torch.bool)
    labels = dict(
        EXPR_gt_label=torch.full((4,), -1),
        VA_gt_label=torch.full((4, 2), -5.0),
        AU_gt_label=torch.full((4, 12), -1),
    )
    losses = multi.train().loss(x, [sample(labels, valid[0])], valid=valid)
    total = sum(losses.values())
    assert total == 0
    total.backward()
    for parameter in multi.parameters():
        assert not parameter.grad.any()


def test_half_precision():
    multi, _ = heads()
    x, valid = torch.randn(2, 4, 6), torch.rand(2, 4) < 0.8
    labels = {f'{x}_gt_label': random_labels((2, 4), x) for x in TASKS}
    samples = [
        sample({k: v[i] for k, v in labels.items()}, valid[i])
        for i in range(2)
    ]
    with torch.autocast('cpu', torch.bfloat16):
        losses = multi.train().loss(x, samples, valid=valid)
        scores = multi.predict(x, samples, valid=valid)[0]
    for task in TASKS:
        assert losses[f'loss_{task}'].isfinite()
        assert scores.get(f'{task}_pred_score').dtype == torch.float32
    sum(losses.values()).backward()
    for parameter in multi.parameters():
        assert parameter.grad.isfinite().all()
