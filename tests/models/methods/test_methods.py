"""Losses and thresholds of the methods, against values computed by hand."""

import math
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import TASK_UTILS
from torch import nn
from torch.testing import assert_close

import fer_ssl.models  # noqa: F401
from fer_ssl.models.heads import AuxiliaryLinearHead
from fer_ssl.models.methods import (
    UDA,
    AdaCM,
    Dash,
    FixMatch,
    FlexMatch,
    MethodBatch,
    PseudoLabel,
)
from fer_ssl.models.methods.ada_cm import contrastive_loss
from tests.helpers.logit_faces import SIZES, Logits, batch_of, logits_of
from tests.helpers.unlabeled_methods import UNLABELED_METHODS

DOCS = Path(__file__).parents[3] / 'docs/methods.md'
# Without averaged weights, and without images; some faces are confident.
OPTIONS = dict(
    DecoupledStudent=dict(threshold=0.4),
    NegativeLearning=dict(teacher=False),
    ReMixMatch=dict(rotation_weight=0.0),
)
# These cannot be told to be confident of no face.
CONFIDENT_METHODS = (
    'FreeMatch',
    'MeanTeacher',
    'NegativeLearning',
    'PseudoLabel',
    'ReMixMatch',
    'SoftMatch',
)


class Head(nn.Linear):
    def pre_logits(self, feats):
        return feats[-1]

    def forward(self, feats):
        return super().forward(self.pre_logits(feats))


class Network(nn.Module):
    """Two layers on "faces" that are vectors of 5 numbers."""

    def __init__(self, method=None):
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Linear(5, 4)
        self.head = Head(4, 3)
        if method == 'DecoupledStudent':
            self.head = AuxiliaryLinearHead(3, 4, num_auxiliary=3)
        self.passes = 0

    def forward(self, inputs, mode):
        assert mode == 'tensor'
        self.passes += 1
        return self.head((self.backbone(inputs).tanh(),))


def make_batch(weak_views=1):
    generator = torch.Generator().manual_seed(1)

    def faces(count):
        return 3 * torch.randn(count, 5, generator=generator)

    return MethodBatch(
        faces(4),
        torch.tensor([0, 1, 2, 1]),
        [faces(3) for _ in range(weak_views)],
        faces(3),
        torch.tensor([5, 0, 2]),
        teacher_logits=faces(3)[:, :3],
    )


@pytest.mark.parametrize('name', UNLABELED_METHODS)
def test_one_pass_and_a_gradient(name):
    method = TASK_UTILS.build(
        dict(type=name, **OPTIONS.get(name, {}), **SIZES)
    )
    network = Network(name)
    batch = make_batch(method.num_weak_views)
    result = method.loss(network, batch, 90)
    two_passes = name in ('AdaMatch', 'ReMixMatch')
    assert network.passes == 1 + two_passes
    if result.confident is not None:
        assert result.confident.dtype == torch.bool
    assert result.logits.shape == result.targets.shape == (3, 3)
    assert not result.logits.requires_grad
    assert_close(result.targets.sum(dim=1), torch.ones(3))
    sum(result.losses.values()).backward()
    for parameter in network.parameters():
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize('name', UNLABELED_METHODS)
def test_label_distributions(name):
    labels = torch.tensor([0, 1, 2, 1])
    one_hot = torch.eye(3)[labels]
    losses = []
    for targets in (labels, one_hot, one_hot.clamp(0.2, 0.6)):
        torch.manual_seed(0)
        options = OPTIONS.get(name, {})
        method = TASK_UTILS.build(dict(type=name, **options, **SIZES))
        batch = make_batch(method.num_weak_views)
        batch.labels = targets
        losses.append(method.loss(Network(name), batch, 90).losses)
    assert_close(losses[0], losses[1])
    assert losses[0]['loss_supervised'] != losses[2]['loss_supervised']


@pytest.mark.parametrize('name', UNLABELED_METHODS)
def test_mixed_precision(name):
    """Losses and the method's state stay in float32, the network does not."""
    results, states = [], []
    for autocast in (False, True):
        options = OPTIONS.get(name, {})
        method = TASK_UTILS.build(dict(type=name, **options, **SIZES))
        batch = make_batch(method.num_weak_views)
        with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
            for iteration in (0, 1):
                result = method.loss(Network(name), batch, iteration)
        results.append(result.losses)
        states.append(method.state_dict())
    for loss in results[1].values():
        assert loss.dtype == torch.float32
    assert_close(results[1], results[0], rtol=0.05, atol=0.02)
    assert_close(states[1], states[0], rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    'name', sorted(set(UNLABELED_METHODS) - set(CONFIDENT_METHODS))
)
def test_no_confident_face(name):
    """Unlabeled faces give no gradient, except by Ada-CM's contrast."""
    options = dict(
        AdaMatch=dict(threshold=10.0),
        Dash=dict(warmup=1.0),
        FlexMatch=dict(threshold=1.1),
        AdaCM=dict(
            min_margin=1.1, contrastive_weight=0.0, supervised_weight=1.0
        ),
    )
    options = options.get(name, dict(threshold=1.1))
    if name == 'UDA':
        options['annealing'] = None
    method = TASK_UTILS.build(dict(type=name, **options, **SIZES))
    if name == 'FlexMatch':  # equally common classes, highest thresholds
        method.learned.copy_(torch.tensor([0, 0, 1, 1, 2, 2]))
    network = Network(name)
    batch = make_batch(method.num_weak_views)
    result = method.loss(network, batch, 90)
    assert not result.confident.any()
    loss = F.cross_entropy(network(batch.faces, 'tensor'), batch.labels)
    assert_close(sum(result.losses.values()), loss)


def test_fixmatch_by_hand():
    """Two of three faces are confident; the mean is over all three."""
    labeled = logits_of([0.5, 0.25, 0.25])
    weak = logits_of([0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.05, 0.05, 0.9])
    strong = logits_of([0.2, 0.4, 0.4], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1])
    batch = MethodBatch(
        labeled, torch.tensor([0]), [weak], strong, torch.arange(3)
    )
    method = FixMatch(threshold=0.8, weight=2.0, **SIZES)
    result = method.loss(Logits(), batch, 0)
    assert result.confident.tolist() == [True, False, True]
    assert result.targets.argmax(1).tolist() == [0, 1, 2]
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses == pytest.approx(
        dict(
            loss_supervised=-math.log(0.5),
            loss_unsupervised=-2 * (math.log(0.2) + math.log(0.1)) / 3,
        )
    )
    result.losses['loss_unsupervised'].backward()
    assert weak.grad is None or not weak.grad.any(), 'targets are constants'
    assert strong.grad[1].tolist() == [0, 0, 0]


def test_pseudo_label_by_hand():
    weak = logits_of([0.8, 0.1, 0.1], [0.3, 0.4, 0.3])
    batch = MethodBatch(
        logits_of([0.5, 0.25, 0.25]),
        torch.tensor([1]),
        [weak],
        torch.full((2, 3), torch.nan),  # not used
        torch.arange(2),
    )
    method = PseudoLabel(weight=3.0, ramp=(0.1, 0.6), **SIZES)
    weights = [method.alpha(i) for i in (0, 10, 35, 60, 99)]
    assert weights == pytest.approx([0, 0, 1.5, 3, 3])
    losses = method.loss(Logits(), batch, 35).losses
    expected = -1.5 * (math.log(0.8) + math.log(0.4)) / 2
    assert losses['loss_unsupervised'].item() == pytest.approx(expected)
    assert losses['loss_supervised'].item() == pytest.approx(-math.log(0.25))
    losses['loss_unsupervised'].backward()
    assert_close(weak.grad[0], -0.75 * torch.tensor([0.2, -0.1, -0.1]))


def test_uda_targets_are_sharpened_and_masked_before():
    method = UDA(threshold=0.6, temperature=0.5, **SIZES)
    weak = logits_of([0.5, 0.25, 0.25], [0.7, 0.2, 0.1])
    squares = torch.tensor([[4.0, 1, 1], [49, 4, 1]])
    expected = squares / squares.sum(dim=1, keepdim=True)
    assert_close(method.targets(weak.detach()), expected)
    confident = method.confident(weak.detach(), None, 0)
    assert confident.tolist() == [False, True]


@pytest.mark.parametrize(
    'annealing, alpha',
    [
        ('linear', 0.5),
        ('log', 1 - math.exp(-2.5)),
        ('exp', math.exp(-2.5)),
    ],
)
def test_uda_annealing(annealing, alpha):
    method = UDA(annealing=annealing, **SIZES)
    assert method.eta(50) == pytest.approx(alpha * 2 / 3 + 1 / 3)
    assert method.eta(100) == pytest.approx(1, abs=5e-3)
    assert 1 / 3 <= method.eta(0) < 0.34


def test_uda_leaves_out_labeled_faces_that_are_known():
    """It is the true class that counts, not the most likely one."""
    method = UDA(annealing='linear', **SIZES)  # eta = 2/3 halfway
    logits = logits_of([0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.3, 0.6, 0.1])
    loss = method.supervised_loss(logits, torch.tensor([0, 1, 1]), 50)
    expected = -(math.log(0.1) + math.log(0.6)) / 2
    assert loss.item() == pytest.approx(expected)
    loss = method.supervised_loss(logits[:1], torch.tensor([0]), 50)
    assert loss.item() == 0


def test_uda_unknown_annealing():
    with pytest.raises(ValueError, match="annealing='cosine'"):
        UDA(annealing='cosine', **SIZES)


def test_flexmatch_thresholds_by_hand():
    method = FlexMatch(threshold=0.9, **SIZES)
    assert method.thresholds().tolist() == [0, 0, 0]
    # 6 faces: 2 of class 0, 1 of class 1, 3 without a class.
    method.learned.copy_(torch.tensor([0, -1, 0, 1, -1, -1]))
    beta = torch.tensor([2 / 3, 1 / 3, 0])
    assert_close(method.thresholds(), 0.9 * beta / (2 - beta))
    # All faces have a class: counts are divided by that of the largest.
    method.learned.copy_(torch.tensor([0, 0, 0, 1, 1, 2]))
    beta = torch.tensor([1, 2 / 3, 1 / 3])
    assert_close(method.thresholds(), 0.9 * beta / (2 - beta))


def test_flexmatch_keeps_the_last_confident_class_of_a_face():
    method = FlexMatch(threshold=0.8, **SIZES)
    weak = logits_of([0.9, 0.05, 0.05], [0.4, 0.5, 0.1]).detach()
    confident = method.confident(weak, torch.tensor([4, 1]), 0)
    assert confident.all(), 'the thresholds before this batch are 0'
    assert method.learned.tolist() == [-1, -1, -1, -1, 0, -1]
    # T(0) = 0.8 * (1/5) / (2 - 1/5); class 1 is still free.
    assert_close(method.thresholds(), torch.tensor([0.8 / 9, 0, 0]))
    weak = logits_of([0.05, 0.9, 0.05]).detach()
    method.confident(weak, torch.tensor([4]), 1)
    assert method.learned[4] == 1
    weak = logits_of([0.2, 0.3, 0.5]).detach()
    method.confident(weak, torch.tensor([4]), 2)
    assert method.learned[4] == 1, 'not confident: the class stays'


def test_dash_takes_no_threshold():
    with pytest.raises(ValueError, match='rho_min'):
        Dash(threshold=0.9, **SIZES)


def test_dash_threshold_by_hand():
    """Warm-up of 10 iterations; the last pass is two batches of two."""
    method = Dash(warmup=0.1, steps=9, gamma=2.0, scale=1.5, **SIZES)
    logits = logits_of([0.5, 0.25, 0.25], [0.5, 0.25, 0.25]).detach()
    costs = []
    for iteration in range(10):
        labels = torch.tensor([0, 0] if iteration < 9 else [0, 1])
        cost = method.supervised_loss(logits, labels, iteration).item()
        costs.append(cost)
        assert not method.confident(logits, labels, iteration).any()
    first = (costs[8] + costs[9]) / 2
    assert first == pytest.approx(math.log(2) * 1.25)
    rho = [method.rho(i).item() for i in (10, 19, 20, 30, 99)]
    expected = [1.5 * first, 1.5 * first, 0.75 * first, 0.375 * first]
    assert rho == pytest.approx([*expected, 0.05])
    assert 1.5 * first / 2**8 < 0.05
    # -log 0.6 = 0.51 < 0.65 = rho < 0.69 = -log 0.5
    weak = logits_of([0.5, 0.3, 0.2], [0.6, 0.3, 0.1]).detach()
    assert method.confident(weak, labels, 20).tolist() == [False, True]
    method.supervised_loss(logits, labels, 10)
    assert method.rho(10).item() == pytest.approx(1.5 * first)


def test_ada_cm_by_hand():
    """One face is confident in the mean of two views, one is not."""
    first = logits_of([0.9, 0.05, 0.05], [0.6, 0.2, 0.2])
    second = logits_of([0.8, 0.1, 0.1], [0.9, 0.05, 0.05])
    strong = logits_of([0.25, 0.5, 0.25], [0.1, 0.1, 0.8])
    network = Network()
    network.backbone, network.head = nn.Identity(), Head(3, 3, bias=False)
    network.forward = lambda inputs, mode: network.head((inputs,))
    with torch.no_grad():
        network.head.weight.copy_(torch.eye(3))
    batch = MethodBatch(
        logits_of([0.5, 0.25, 0.25]),
        torch.tensor([0]),
        [first, second],
        strong,
        torch.arange(2),
    )
    method = AdaCM(**SIZES)
    result = method.loss(network, batch, 0)
    assert result.confident.tolist() == [True, False]
    assert_close(result.logits.exp()[0], torch.tensor([0.85, 0.075, 0.075]))
    losses = {name: value.item() for name, value in result.losses.items()}
    assert losses['loss_supervised'] == pytest.approx(math.log(2) / 2)
    expected = -math.log(0.25) / 2
    assert losses['loss_unsupervised'] == pytest.approx(expected)
    # A single face has no negatives.
    assert losses['loss_contrastive'] == pytest.approx(0)


def test_ada_cm_margin_after_a_pass():
    method = AdaCM(min_margin=0.5, factor=0.97, **SIZES)
    logits = logits_of([0.9, 0.05, 0.05], [0.2, 0.7, 0.1]).detach()
    method.learn_margin(logits, torch.tensor([0, 1]))
    assert method.margin.tolist() == [0.5] * 3, 'half a pass'
    method.learn_margin(logits, torch.tensor([0, 2]))
    factor = 0.97 / (1 + math.exp(-1))  # the first pass
    # Class 0: 0.9 twice; class 1: 0.7 once, below the minimum; class 2: none.
    assert method.margin[0].item() == pytest.approx(0.9 * factor)
    assert 0.7 * factor < 0.5
    assert method.margin[1:].tolist() == [0.5, 0.5]
    for _ in range(2):
        method.learn_margin(logits[[0, 0]], torch.tensor([0, 0]))
    factor = 0.97 / (1 + math.exp(-2))
    assert method.margin[0].item() == pytest.approx(0.9 * factor)
    assert method.margin[1].item() == pytest.approx(0.5)


def test_contrastive_loss_is_the_plain_sum():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 3, 4, generator=generator)
    unit = F.normalize(torch.cat([first, second]), dim=1)
    expected = 0.0
    for i in range(6):
        others = [j for j in range(6) if j != i]
        scores = {j: float(unit[i] @ unit[j]) / 0.5 for j in others}
        total = sum(math.exp(score) for score in scores.values())
        expected -= math.log(math.exp(scores[(i + 3) % 6]) / total) / 6
    loss = contrastive_loss(first, second, 0.5)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert contrastive_loss(first[:0], second[:0], 0.5).item() == 0


def test_method_of_the_docs():
    """Logits of a confident and of an undecided face."""
    code = re.findall(r'```python\n(.*?)```', DOCS.read_text(), re.DOTALL)
    (code,) = (block for block in code if 'class Entropy' in block)
    exec(code, {})
    method = TASK_UTILS.build(dict(type='Entropy', threshold=0.3, **SIZES))
    weak = logits_of([0.98, 0.01, 0.01], [0.8, 0.1, 0.1]).detach()
    assert method.confident(weak, None, 0).tolist() == [True, False]


@pytest.mark.parametrize(
    'name, options, message',
    [
        ('FixMatch', dict(warm_start=1000), 'warm_start=1000 must be a frac'),
        ('PseudoLabel', dict(teacher=True), 'cannot use teacher'),
        ('AdaCM', dict(separate_weak_pass=True), 'or separate_weak_pass'),
        ('Supervised', dict(teacher=True), 'cannot use teacher'),
        ('Dash', dict(warm_start=0.1), 'set warmup instead'),
        ('FixMatch', dict(pseudo_label='sample'), "'sample' is neither"),
        ('UDA', dict(pseudo_label='soft'), 'set temperature'),
    ],
)
def test_options_without_effect_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        TASK_UTILS.build(dict(type=name, **options, **SIZES))


def test_ramp_of_the_unsupervised_loss():
    losses = []
    for name in ('FixMatch', 'DeFixMatch', 'DebiasPL', 'NegativeLearning'):
        for ramp in (0.0, 0.4):
            method = TASK_UTILS.build(
                dict(type=name, threshold=0.3, ramp=ramp, **SIZES)
            )
            batch = make_batch()
            result = method.loss(Network(), batch, 10)
            losses.append(result.losses['loss_unsupervised'].item())
    assert losses[1::2] == pytest.approx([x / 4 for x in losses[::2]])
    assert min(losses) > 0


def test_separate_pass_keeps_the_gradients_of_the_weights():
    """Autocast keeps the weights that it casts, without their graph."""
    method = FixMatch(threshold=0.3, separate_weak_pass=True, **SIZES)
    network = Network()
    with torch.autocast('cpu', torch.bfloat16):
        result = method.loss(network, make_batch(), 0)
    sum(result.losses.values()).backward()
    assert network.backbone.weight.grad.abs().sum() > 0


def test_soft_labels():
    method = FixMatch(threshold=0.0, pseudo_label='soft', **SIZES)
    batch = batch_of(
        [[0.5, 0.25, 0.25]], [0], [[0.7, 0.2, 0.1]], [[0.6, 0.3, 0.1]]
    )
    result = method.loss(Logits(), batch, 0)
    expected = 0.7 * math.log(0.6) + 0.2 * math.log(0.3) + 0.1 * math.log(0.1)
    loss = result.losses['loss_unsupervised'].item()
    assert loss == pytest.approx(-expected)
