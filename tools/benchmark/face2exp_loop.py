"""Training loop of a Meta-Face2Exp clone, for `step.py --baseline CLONE`.

The networks and the body of the loop are the clone's own
(github.com/danzeng1990/Face2Exp); docs/benchmarks.md lists what is changed.
"""

import contextlib
import importlib
import itertools
import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

import torch
import torchvision
from torch import nn

# Modules that the clone imports, but does not need for a step.
UNUSED = ('audioop', 'pandas', 'torch.utils.tensorboard', 'tqdm')


class StopLoopError(Exception):
    """Raised to end the loop, so that it neither validates nor saves."""


class Batches:
    """Loader of batches in memory, which is also its only iterator."""

    def __init__(self, batches, steps, stamp=lambda number: None):
        self.batches = itertools.cycle(batches)
        self.steps, self.stamp, self.number = steps, stamp, 0

    def __iter__(self):
        # The loop's bare `except` catches the first StopLoopError and asks for
        # a new iterator, so it is raised again here.
        if self.number > self.steps:
            raise StopLoopError
        return self

    def __next__(self):
        number, self.number = self.number, self.number + 1
        self.stamp(number)
        if number == self.steps:
            raise StopLoopError
        return next(self.batches)

    next = __next__  # the clone calls it, but iterators of torch 2 lack it


class Face2ExpLoop:
    """Iterations of the clone's loop; see `compare_steps` for the arguments.

    Raises:
        FileNotFoundError: There is no such clone.
        ValueError: `unlabeled` is not a multiple of `labeled`.
    """

    def __init__(self, clone, classes, labeled, unlabeled, size, device):
        if unlabeled % labeled:
            raise ValueError(
                f'{unlabeled} unlabeled faces are not a multiple of the '
                f'{labeled} labeled ones, which Face2Exp (--mu) requires.'
            )
        self.code = import_clone(Path(clone).resolve())
        options = (
            f'--name=step --num-classes={classes} --resize={size} '
            f'--batch-size={labeled} --mu={unlabeled // labeled} '
            '--randaug 2 16 --teacher_lr=1e-3 --student_lr=1e-3 '
            # Only the first rank reports.
            '--local_rank=1 --world-size=1 --total-steps=1000000 '
            '--eval-step=1000000'
        ).split()
        if device != 'cpu':
            options.append('--amp')
        args = self.args = self.code.parser.parse_args(options)
        args.device = torch.device(device)
        # The clone asks for pretrained weights and for a GPU.
        resnet50 = torchvision.models.resnet50
        with (
            mock.patch.object(
                torchvision.models, 'resnet50', lambda *_, **__: resnet50()
            ),
            mock.patch.object(nn.Module, 'cuda', lambda x, *_: x.to(device)),
        ):
            networks = [
                self.code.create_model(num_classes=classes) for _ in range(2)
            ]
        self.parts = dict(criterion=self.code.create_loss_fn(args))
        self.networks = [x.to(device) for x in networks]
        for key, network, lr in zip(
            'ts', self.networks, (args.teacher_lr, args.student_lr)
        ):
            optimizer = torch.optim.SGD(
                network.parameters(),
                lr=lr,
                momentum=args.momentum,
                nesterov=args.nesterov,
            )
            scheduler = self.code.get_cosine_schedule_with_warmup(
                optimizer, args.warmup_steps, args.total_steps
            )
            self.parts |= {
                f'{key}_optimizer': optimizer,
                f'{key}_scheduler': scheduler,
                f'{key}_scaler': torch.amp.GradScaler(enabled=args.amp),
            }
        self.weights = sum(x.numel() for x in self.networks[0].parameters())

        def faces(count):
            views = torch.randn(count, 3, size, size)
            return views.pin_memory() if device != 'cpu' else views

        labels = torch.arange(unlabeled) % classes
        self.labeled, self.unlabeled = [], []
        for _ in range(2):
            views = [faces(unlabeled), faces(unlabeled)]
            self.labeled.append((faces(labeled), labels[:labeled]))
            self.unlabeled.append((views, labels))

    def run(self, steps, stamp):
        """See `PackageLoop.run`."""
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)  # the loop makes folders in the current one
            try:
                with contextlib.suppress(StopLoopError):
                    self.code.train_loop(
                        args=self.args,
                        labeled_loader=Batches(self.labeled, steps, stamp),
                        unlabeled_loader=Batches(self.unlabeled, steps),
                        test_loader=None,
                        teacher_model=self.networks[0],
                        student_model=self.networks[1],
                        avg_student_model=None,
                        **self.parts,
                    )
            finally:
                os.chdir(before)


def import_clone(root):
    """Import `src/main.py`, and leave no trace in `sys`.

    Its modules have common names such as `utils`, so loaded modules of the
    same names are set aside during the import.
    """
    folders = [root / 'src', root]
    if not (folders[0] / 'main.py').is_file():
        raise FileNotFoundError(
            f'{folders[0] / "main.py"} does not exist: --baseline expects a '
            'clone of github.com/danzeng1990/Face2Exp.'
        )
    stand_ins = {name: mock.MagicMock() for name in UNUSED}
    search = [*map(str, folders), *sys.path]
    with (
        mock.patch.dict(sys.modules, stand_ins),
        mock.patch.object(sys, 'path', search),
    ):
        for file in (file for x in folders for file in x.glob('*.py')):
            sys.modules.pop(file.stem, None)
        return importlib.import_module('main')
