"""The driver of a Face2Exp clone, with a stand-in for the clone."""

import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from fer_ssl.benchmarks.step.floor import BASELINE, passes

TOOLS = Path(__file__).parents[2] / 'tools/benchmark'
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
from torch.utils.tensorboard import SummaryWriter

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


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    root = tmp_path / 'clone'
    (root / 'src').mkdir(parents=True)
    (root / 'src/main.py').write_text(CLONE)
    (root / 'utils.py').write_text(
        'from torch import nn\n'
        'def create_loss_fn(args):\n'
        '    return nn.CrossEntropyLoss()\n'
    )
    return root


def test_passes_and_stamps(clone):
    from face2exp_loop import Face2ExpLoop

    before = set(sys.modules), list(sys.path), Path.cwd()
    loop = Face2ExpLoop(clone, 8, 2, 4, 32, 'cpu')
    student = loop.networks[1]
    assert loop.weights == sum(x.numel() for x in student.parameters())
    counts = Counter()
    for network in loop.networks:
        network.fc.register_forward_hook(
            lambda layer, x, out: counts.update(forward=len(out))
        )
        network.fc.register_full_backward_hook(
            lambda layer, x, grads: counts.update(backward=len(grads[0]))
        )
    stamps = []
    loop.run(1, stamps.append)
    expected = passes(BASELINE, 2, 4)
    assert counts['forward'] == expected.forward
    assert counts['backward'] == expected.backward
    loop.run(2, stamps.append)
    assert stamps == [0, 1, 0, 1, 2]
    assert not {'main', 'utils'} & (set(sys.modules) - before[0])
    assert (sys.path, Path.cwd()) == before[1:]
    assert nn.Module.cuda.__module__ == 'torch.nn.modules.module'
    assert torch.isfinite(loop.networks[0].fc.weight).all()


def test_unusable_clone(clone, tmp_path):
    from face2exp_loop import Face2ExpLoop

    with pytest.raises(FileNotFoundError, match='main.py does not exist'):
        Face2ExpLoop(tmp_path, 8, 2, 4, 32, 'cpu')
    with pytest.raises(ValueError, match='5 unlabeled faces are not a multip'):
        Face2ExpLoop(clone, 8, 2, 5, 32, 'cpu')
