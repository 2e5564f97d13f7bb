import copy
import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn
from torch.autograd import forward_ad
from torch.testing import assert_close

from fer_ssl.benchmarks.step.compare import StepSpeed, compare_steps, rows
from fer_ssl.benchmarks.step.face2exp_step import Face2ExpLoop, load_clone
from fer_ssl.benchmarks.step.floor import (
    ESTIMATORS,
    NO_FEEDBACK,
    PEER,
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
# A loop with the interface of Meta-Face2Exp, and with its passes.
CLONE = """
import argparse
import math
import os

import torch
import torchvision.models
from torch import nn, optim
from torch.cuda import amp
from torch.optim.lr_scheduler import LambdaLR
from no_such_package import anything

from utils import create_loss_fn

parser = argparse.ArgumentParser()
parser.add_argument('--name', required=True)
parser.add_argument('--amp', action='store_true')
parser.add_argument('--randaug', nargs='+', type=int)
parser.add_argument('--nesterov', action='store_true')
parser.add_argument('--momentum', default=0.9, type=float)
parser.add_argument('--warmup-steps', default=0, type=int)
for name in ('num-classes', 'resize', 'batch-size', 'mu', 'local_rank',
             'world-size', 'total-steps', 'eval-step'):
    parser.add_argument('--' + name, type=int)
for name in ('teacher_lr', 'student_lr'):
    parser.add_argument('--' + name, type=float)


def get_cosine_schedule_with_warmup(optimizer, warmup, total):
    return LambdaLR(optimizer, lambda step: math.cos(step / total))


def train_loop(args, labeled_loader, unlabeled_loader, test_loader,
               teacher_model, student_model, avg_student_model, criterion,
               t_optimizer, s_optimizer, t_scheduler, s_scheduler,
               t_scaler, s_scaler):
    os.makedirs('results')
    labeled_iter, unlabeled_iter = iter(labeled_loader), iter(unlabeled_loader)
    for step in range(args.total_steps):
        try:
            faces, labels = labeled_iter.next()
        except:
            labeled_iter = iter(labeled_loader)
            faces, labels = labeled_iter.next()
        try:
            (weak, strong), _ = unlabeled_iter.next()
        except:
            unlabeled_iter = iter(unlabeled_loader)
            (weak, strong), _ = unlabeled_iter.next()
        with amp.autocast(enabled=args.amp):
            logits = teacher_model(torch.cat((faces, weak, strong)))
            pseudo = logits[len(faces):].chunk(2)[0].argmax(1)
            t_loss = criterion(logits[:len(faces)], labels)
            s_logits = student_model(torch.cat((faces, strong)))
            s_loss = criterion(s_logits[len(faces):], pseudo)
        s_scaler.scale(s_loss).backward()
        s_scaler.step(s_optimizer)
        s_scaler.update()
        s_scheduler.step()
        with torch.no_grad():
            student_model(faces)
        t_scaler.scale(t_loss).backward()
        t_scaler.step(t_optimizer)
        t_scaler.update()
        t_scheduler.step()
        teacher_model.zero_grad()
        student_model.zero_grad()


def create_model(num_classes):
    model = torchvision.models.resnet50(pretrained=True)
    model.fc = nn.Linear(2048, num_classes)
    return model.cuda()
"""
VIEWS = """
from torchvision import transforms

class TransformMPL:
    def __init__(self, args, mean, std):
        self.view = transforms.Compose([
            transforms.RandomCrop(args.resize), transforms.ToTensor(),
            transforms.Normalize(mean, std)])

    def __call__(self, image):
        return self.view(image), self.view(image)
"""


@pytest.fixture
def clone(tmp_path):
    root = tmp_path / 'clone'
    (root / 'src').mkdir(parents=True)
    code = CLONE.replace('no_such_package', 'torch.utils.tensorboard')
    code = code.replace('import anything', 'import SummaryWriter')
    (root / 'src/main.py').write_text('from data import TransformMPL\n' + code)
    (root / 'data.py').write_text(VIEWS)
    (root / 'utils.py').write_text(
        'from torch import nn\n'
        'def create_loss_fn(args):\n'
        '    return nn.CrossEntropyLoss()\n'
    )
    return root


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
    """No measurement."""


@pytest.mark.parametrize('options', [{}, dict(channels_last=True)])
def test_plain_loop_is_the_same_mathematics(tmp_path, config, options):
    """All weights and statistics after five steps, in float64."""
    config.model.update(options)
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
    plain._normalised, single = None, plain._normalised
    plain._normalised = lambda faces: single(faces).double()
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
    """Images through networks of one iteration, by hooks on their heads."""

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


def test_passes_of_the_peer(clone):
    loop = Face2ExpLoop(str(clone), 8, 2, 4, 32, 'cpu')
    counter = Counter(loop.networks, 'fc')
    stamps = []
    loop.run(1, stamps.append)
    assert counter.passes == passes(PEER, 2, 4)
    assert stamps == [0, 1]


def test_costs():
    """32 + 32 faces, in forward passes of one image."""
    costs = {
        name: passes(name, 32, 32).cost
        for name in (NO_FEEDBACK, *ESTIMATORS, PEER)
    }
    assert costs == dict(zip(costs, (384, 480, 480, 448, 576, 576, 480, 512)))


def test_clone_leaves_no_modules(clone):
    before = set(sys.modules), list(sys.path)
    code = load_clone(str(clone))
    assert code.parser and 'utils' not in set(sys.modules) - before[0]
    assert sys.path == before[1]
    assert nn.Module.cuda.__module__ == 'torch.nn.modules.module'


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('t_scaler, s_scaler):', 'scaler):', 'train_loop has the arguments'),
        ('def create_model', 'def make_model', 'has no create_model'),
        ('import math', 'import no_such_package', 'cannot be imported'),
    ],
)
def test_clone_of_another_kind(clone, old, new, message):
    path = clone / 'src/main.py'
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_clone(str(clone))


def test_no_clone(tmp_path):
    with pytest.raises(FileNotFoundError, match='src/main.py does not exist'):
        load_clone(str(tmp_path))


def test_mu_is_a_whole_number(clone):
    with pytest.raises(ValueError, match='5 unlabeled faces are no multiple'):
        Face2ExpLoop(str(clone), 8, 2, 5, 32, 'cpu')


def test_other_network_is_not_compared(clone, config):
    with pytest.raises(ValueError, match='take a config with ResNet-50'):
        compare_steps(config, str(clone), (), 2, 2, 32, 1, 1)


def test_all_are_compared(clone):
    config = Config.fromfile(ROOT / 'configs/spatial_r50.py')
    threads = torch.get_num_threads()
    speeds = compare_steps(config, str(clone), ('dot',), 2, 2, 32, 1, 1)
    assert torch.get_num_threads() == threads
    names = [speed.name for speed in speeds]
    assert names == [REFERENCE, NO_FEEDBACK, 'dot', PEER]
    for speed in speeds:
        assert len(speed.seconds) == len(speed.ratios) == 1
        assert min(speed.seconds) > 0
    assert speeds[0].ratios == [1]


def test_table():
    def speed(name, seconds, ratios):
        return StepSpeed(name, seconds, 64, ratios, passes(name, 32, 32))

    table = rows(
        [
            speed(REFERENCE, [2.0, 4.0, 2.0], [1.0, 1.0, 1.0]),
            speed(NO_FEEDBACK, [1.0, 1.0, 1.0], [2.0, 4.0, 2.0]),
            speed('dot', [2.0, 2.0, 4.0], [1.0, 2.0, 0.5]),
        ]
    )
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
    assert (table[2]['least'], table[2]['most']) == ('0.500', '2.000')
    assert [row['feedback_share'] for row in table] == ['', '0.000', '0.500']


def test_tool(tmp_path):
    tool = ROOT / 'tools/benchmark/step.py'
    options = (
        '--batch-size=2 --unlabeled=2 --size=32 --rounds=1 --steps=1 '
        '--estimators finite_difference --out=table.csv --device=cpu '
        '--cfg-options model.network.backbone.depth=18 '
        'model.network.head.in_channels=512'
    )
    done = subprocess.run(
        [sys.executable, str(tool), *options.split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with open(tmp_path / 'table.csv', newline='') as file:
        table = list(csv.DictReader(file))
    assert [row['implementation'] for row in table] == [
        'plain PyTorch, dot',
        'fer_ssl, none',
        'fer_ssl, finite_difference',
    ]
    assert table[0]['ratio_to_reference'] == '1.000'
    assert REFERENCE in done.stdout
