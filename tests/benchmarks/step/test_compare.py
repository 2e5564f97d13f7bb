import copy
import csv
from functools import partial
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch.autograd import forward_ad
from torch.testing import assert_close

from fer_ssl.benchmarks.step.compare import compare_steps, step_rows
from fer_ssl.benchmarks.step.floor import (
    BASELINE,
    ESTIMATORS,
    NO_FEEDBACK,
    REFERENCE,
    Passes,
    passes,
)
from fer_ssl.benchmarks.step.package_step import (
    PackageLoop,
    build_runner,
    paper_config,
    random_batches,
)
from fer_ssl.benchmarks.step.plain_step import PlainLoop

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config():
    """The standard config with a network of 11,000 weights."""
    config = Config.fromfile(ROOT / 'configs/spatial_r50.py')
    config.model.network = dict(
        type='ImageClassifier',
        backbone=dict(
            type='ResNet', depth=18, stem_channels=4, base_channels=4
        ),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='LinearClsHead', num_classes=8, in_channels=32, topk=(1,)
        ),
    )
    return paper_config(config)


def ignore(number):
    """Discard a measurement."""


@pytest.mark.parametrize('options', [{}, dict(channels_last=True)])
def test_plain_loop_equals_the_package(tmp_path, config, options):
    """Weights and statistics agree after five steps in float64."""
    config.train_cfg.update(options)
    batches = random_batches(8, 12, 10, 40)
    runner = build_runner(config, batches, str(tmp_path))
    runner.model.double()
    preprocess = runner.model.data_preprocessor
    forward = type(preprocess).forward
    preprocess.forward = lambda *args: {
        key: value.double() if key == 'inputs' else value
        for key, value in forward(preprocess, *args).items()
    }
    plain = PlainLoop(runner.model, config, batches)
    plain._normalized, single = None, plain._normalized
    plain._normalized = lambda faces: single(faces).double()
    start = copy.deepcopy(runner.model.state_dict())
    plain.run(5, ignore)
    PackageLoop(runner, 'dot').run(5, ignore)
    for network in ('teacher', 'student'):
        ours = getattr(runner.model, network).state_dict()
        assert_close(
            ours, getattr(plain, network).state_dict(), rtol=1e-5, atol=1e-8
        )
        weight = f'{network}.backbone.conv1.weight'
        moved = ours['backbone.conv1.weight'] - start[weight]
        assert moved.abs().max() > 1e-4


def test_precision_of_the_plain_loop(tmp_path, config):
    for wrapper in (
        config.optim_wrapper.teacher,
        config.optim_wrapper.student,
    ):
        wrapper.type = 'Bfloat16OptimWrapper'
    config.train_cfg.feedback = dict(type='DotFeedback', bfloat16=True)
    batches = random_batches(8, 6, 6, 32)
    runner = build_runner(config, batches, str(tmp_path))
    plain = PlainLoop(runner.model, config, batches)
    assert plain.bfloat16 and plain.bfloat16_feedback
    package = PackageLoop(runner, config.train_cfg.feedback)
    plain.run(1, ignore)
    package.run(1, ignore)
    for network in ('teacher', 'student'):
        assert_close(
            getattr(runner.model, network).state_dict(),
            getattr(plain, network).state_dict(),
            rtol=1e-3,
            atol=1e-4,
        )


class Counter:
    """Counts images per forward and backward pass, by hooks on the heads."""

    def __init__(self, networks, head):
        self.forward = self.backward = self.tangent = 0
        for network in networks:
            layer = network.get_submodule(head)
            layer.register_forward_hook(self.count_forward)
            layer.register_full_backward_hook(self.count_backward)

    def count_forward(self, layer, inputs, output):
        self.forward += len(output)
        if forward_ad._current_level >= 0:
            tangent = forward_ad.unpack_dual(output).tangent
            self.tangent += 0 if tangent is None else len(output)

    def count_backward(self, layer, grad_input, grad_output):
        self.backward += len(grad_output[0])

    @property
    def passes(self):
        return Passes(self.forward, self.backward, self.tangent)


@pytest.mark.parametrize('name', [NO_FEEDBACK, *ESTIMATORS])
def test_passes_of_the_package(tmp_path, config, name):
    batches = random_batches(8, 5, 3, 32)
    runner = build_runner(config, batches, str(tmp_path))
    model = runner.model
    counter = Counter((model.teacher, model.student), 'head.fc')
    feedback = None if name == NO_FEEDBACK else name
    PackageLoop(runner, feedback).run(1, ignore)
    assert counter.passes == passes(name, 5, 3)


def test_passes_of_the_plain_loop(tmp_path, config):
    batches = random_batches(8, 5, 3, 32)
    runner = build_runner(config, batches, str(tmp_path))
    plain = PlainLoop(runner.model, config, batches)
    counter = Counter((plain.teacher, plain.student), 'head.fc')
    plain.run(1, ignore)
    assert counter.passes == passes(REFERENCE, 5, 3)


def test_costs():
    """Costs of 32 + 32 faces, in forward passes of one image."""
    costs = {
        name: passes(name, 32, 32).cost
        for name in (NO_FEEDBACK, *ESTIMATORS, BASELINE)
    }
    assert costs == dict(zip(costs, (384, 480, 480, 448, 576, 576, 480, 512)))


class OtherLoop:
    """Another implementation, which does nothing."""

    def __init__(self, weights, *options):
        self.weights = weights
        self.options = options

    def run(self, steps, stamp):
        for number in range(steps + 1):
            sum(range(10**5))
            stamp(number)


def test_all_are_compared(config):
    threads = torch.get_num_threads()
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        network = MODELS.build(config.model.network)
    weights = sum(x.numel() for x in network.parameters())
    loops = []

    def baseline(*options):
        loops.append(OtherLoop(weights, *options))
        return loops[0]

    seconds = compare_steps(config, baseline, ('dot',), 2, 4, 32, 1, 1)
    assert torch.get_num_threads() == threads
    assert list(seconds) == [REFERENCE, NO_FEEDBACK, 'dot', BASELINE]
    assert all(len(x) == 1 and x[0] > 0 for x in seconds.values())
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    assert loops[0].options == (8, 2, 4, 32, device)


def test_other_network_is_not_compared(config):
    baseline = partial(OtherLoop, 1)
    with pytest.raises(ValueError, match='use a config with ResNet-50'):
        compare_steps(config, baseline, (), 2, 2, 32, 1, 1)


def test_table():
    seconds = {
        REFERENCE: [2.0, 4.0, 2.0],
        NO_FEEDBACK: [1.0, 1.0, 1.0],
        'dot': [2.0, 2.0, 4.0],
    }
    table = step_rows(seconds, 32, 32)
    assert list(table[0])[:4] == [
        'implementation',
        'device',
        'images_per_s',
        'ratio_to_reference',
    ]
    assert [row['implementation'] for row in table] == [
        'plain PyTorch, dot',
        'fer_ssl, none',
        'fer_ssl, dot',
    ]
    assert [row['images_per_s'] for row in table] == [
        '32.00',
        '64.00',
        '32.00',
    ]
    assert table[2]['ratio_to_reference'] == '1.000'
    assert (table[2]['min'], table[2]['max']) == ('0.500', '2.000')
    assert [row['feedback_fraction'] for row in table] == [
        '',
        '0.000',
        '0.500',
    ]
    assert [row['cost'] for row in table] == [480, 384, 480]


def test_tool(tmp_path, run_tool):
    shown = run_tool(
        'step.py',
        '--batch-size=2 --unlabeled=2 --size=32 --rounds=1 --steps=1 '
        '--estimators finite_difference --out=table.csv --device=cpu '
        '--cfg-options model.network.backbone.depth=18 '
        'model.network.head.in_channels=512',
    )
    with open(tmp_path / 'table.csv', newline='') as file:
        table = list(csv.DictReader(file))
    assert [row['implementation'] for row in table] == [
        'plain PyTorch, dot',
        'fer_ssl, none',
        'fer_ssl, finite_difference',
    ]
    assert table[0]['ratio_to_reference'] == '1.000'
    assert REFERENCE in shown
