"""The training loop of Meta-Face2Exp, driven from a clone of its code.

Networks, views and the body of the loop are the clone's own (github
danzeng1990/Face2Exp): ``src/main.py`` with ``train_loop``, ``create_model``
and ``parser``, and ``TransformMPL`` in one of the modules beside ``src``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import itertools
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn

# What they import and a step does not use.
UNUSED = ('audioop', 'pandas', 'torch.utils.tensorboard', 'tqdm')
LOOP_ARGUMENTS = (
    'args',
    'labeled_loader',
    'unlabeled_loader',
    'test_loader',
    'teacher_model',
    'student_model',
    'avg_student_model',
    'criterion',
    't_optimizer',
    's_optimizer',
    't_scheduler',
    's_scheduler',
    't_scaler',
    's_scaler',
)


class _NoMoreBatchesError(Exception):
    """The loop has got all the batches of this turn."""


class Face2ExpLoop:
    """Steps of the clone's loop on batches in memory.

    What is changed, and why:

    - The networks start from random weights: the code would download them.
    - On the CPU ``Module.cuda`` does nothing and mixed precision is off, as
      the code has it for CUDA alone. On CUDA it is on, in float16.
    - The batches come from memory, by iterators with the method ``next`` that
      the code calls and torch 2 has no more. They end the loop with an
      exception, so that it neither validates nor saves.
    - There is no progress bar and no TensorBoard, which would cost it time.

    Args:
        folder: Clone.
        classes: Number of classes.
        batch_size: Labeled faces.
        unlabeled: Unlabeled faces, a multiple.
        size: Side of the faces in pixels.
        device: ``'cpu'`` or ``'cuda'``.

    Raises:
        FileNotFoundError: There is no such clone.
        ValueError: Its loop is not the one described above, or ``unlabeled``
            is no multiple.
    """

    def __init__(
        self,
        folder: str,
        classes: int,
        batch_size: int,
        unlabeled: int,
        size: int,
        device: str,
    ) -> None:
        if unlabeled % batch_size:
            raise ValueError(
                f'Face2Exp: {unlabeled} unlabeled faces are no multiple of '
                f'{batch_size}, which its option --mu wants.'
            )
        self.code = load_clone(folder)
        self.device = device
        options = (
            f'--name=step --num-classes={classes} --resize={size} '
            f'--batch-size={batch_size} --mu={unlabeled // batch_size} '
            '--randaug 2 16 --teacher_lr=1e-3 --student_lr=1e-3 '
            # A rank other than the first one does not report.
            '--local_rank=1 --world-size=1 --total-steps=1000000 '
            '--eval-step=1000000'
        ).split()
        if device != 'cpu':
            options.append('--amp')
        self.args = self.code.parser.parse_args(options)
        self.args.device = torch.device(device)
        with self._patched():
            self.networks = [
                self.code.create_model(num_classes=classes).to(device)
                for _ in range(2)
            ]
        self.parts = self._parts()
        self.batches = self._batches()

    @property
    def weights(self) -> int:
        """Number of weights of one network."""
        return sum(x.numel() for x in self.networks[0].parameters())

    def run(self, steps: int, stamp: Callable[[int], None]) -> None:
        """Run some steps.

        Args:
            stamp: Called with 0, 1, ... before each step and after the last.
        """
        labeled, unlabeled = (
            _Batches([pair[which] for pair in self.batches], steps)
            for which in range(2)
        )
        labeled.stamp = stamp
        teacher, student = self.networks
        with tempfile.TemporaryDirectory() as folder, _inside(folder):
            with contextlib.suppress(_NoMoreBatchesError):
                self.code.train_loop(
                    self.args,
                    labeled,
                    unlabeled,
                    None,
                    teacher,
                    student,
                    None,
                    *self.parts,
                )

    @contextlib.contextmanager
    def _patched(self) -> Iterator[None]:
        """Networks without a download, and on the CPU without CUDA."""
        cuda, package = nn.Module.cuda, self.code.torchvision

        def resnet50(pretrained: bool = False) -> nn.Module:
            return torchvision.models.resnet50(weights=None)

        models = types.SimpleNamespace(resnet50=resnet50)
        self.code.torchvision = types.SimpleNamespace(models=models)
        if self.device == 'cpu':
            nn.Module.cuda = lambda network, *_: network
        try:
            yield
        finally:
            nn.Module.cuda, self.code.torchvision = cuda, package

    def _parts(self) -> list:
        """Criterion, optimizers, schedulers and scalers, as its main does."""
        code, args = self.code, self.args
        rates = (args.teacher_lr, args.student_lr)
        optimizers = [
            code.optim.SGD(
                network.parameters(),
                lr=rate,
                momentum=args.momentum,
                nesterov=args.nesterov,
            )
            for network, rate in zip(self.networks, rates)
        ]
        schedulers = [
            code.get_cosine_schedule_with_warmup(
                optimizer, args.warmup_steps, args.total_steps
            )
            for optimizer in optimizers
        ]
        scalers = [code.amp.GradScaler(enabled=args.amp) for _ in range(2)]
        criterion = code.create_loss_fn(args)
        return [criterion, *optimizers, *schedulers, *scalers]

    def _batches(self, count: int = 2) -> list[tuple]:
        """Batches of random images in the clone's own views."""
        args = self.args
        views = self.code.TransformMPL(args, mean=[0.5] * 3, std=[0.25] * 3)
        rng = np.random.default_rng(0)

        def faces(number: int) -> list[torch.Tensor]:
            shape = (number, args.resize, args.resize, 3)
            pixels = rng.integers(0, 256, shape, np.uint8)
            pairs = [views(Image.fromarray(face)) for face in pixels]
            stacked = [torch.stack(view) for view in zip(*pairs)]
            if self.device != 'cpu':
                stacked = [view.pin_memory() for view in stacked]
            return stacked

        def labels(number: int) -> torch.Tensor:
            return torch.from_numpy(rng.integers(0, args.num_classes, number))

        batches = []
        for _ in range(count):
            labeled, unlabeled = args.batch_size, args.batch_size * args.mu
            batches.append(
                (
                    (faces(labeled)[0], labels(labeled)),
                    (faces(unlabeled), labels(unlabeled)),
                )
            )
        return batches


class _Batches:
    """A loader, and its only iterator, over batches in memory."""

    def __init__(self, batches: list, steps: int) -> None:
        self.endless = itertools.cycle(batches)
        self.steps = steps
        self.given = 0
        self.stamp: Callable[[int], None] = lambda number: None

    def __iter__(self) -> _Batches:
        # The loop's bare `except` catches everything once and asks again.
        if self.given > self.steps:
            raise _NoMoreBatchesError
        return self

    def next(self) -> tuple:
        number, self.given = self.given, self.given + 1
        self.stamp(number)
        if number == self.steps:
            raise _NoMoreBatchesError
        return self.endless.__next__()

    __next__ = next  # iter() wants it


def load_clone(folder: str) -> types.ModuleType:
    """Import ``src/main.py`` of a clone; see :class:`Face2ExpLoop`.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It lacks what is needed of it.
    """
    root = Path(folder).resolve()
    path = root / 'src/main.py'
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist: --peer is a clone of '
            'github.com/danzeng1990/Face2Exp.'
        )
    # Names like `data` and `utils` are common: other modules step aside.
    own = {file.stem for file in (*root.glob('*.py'), *path.parent.glob('*'))}
    others = {name: sys.modules.pop(name, None) for name in own}
    search = list(sys.path)
    sys.path[:0] = [str(path.parent), str(root)]
    stand_ins = [name for name in UNUSED if not _can_import(name)]
    sys.modules.update((name, _StandIn(name)) for name in stand_ins)
    try:
        spec = importlib.util.spec_from_file_location('main', path)
        code = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(code)
        modules = [code, *(sys.modules.get(name) for name in own)]
        views = [getattr(module, 'TransformMPL', None) for module in modules]
        code.TransformMPL = next(filter(None, views), None)
    except (ImportError, SyntaxError) as error:
        raise ValueError(f'{path} cannot be imported: {error}') from error
    finally:
        sys.path[:] = search
        for name in (*stand_ins, *own):
            sys.modules.pop(name, None)
        sys.modules.update((k, v) for k, v in others.items() if v)
    _check_interface(code, path)
    return code


def _check_interface(code: types.ModuleType, path: Path) -> None:
    needed = (
        'parser',
        'create_model',
        'create_loss_fn',
        'get_cosine_schedule_with_warmup',
        'train_loop',
        'TransformMPL',
    )
    missing = [name for name in needed if getattr(code, name, None) is None]
    if missing:
        raise ValueError(
            f'{path} has no {", ".join(missing)}: another version of the code '
            'than this driver was written for.'
        )
    found = tuple(inspect.signature(code.train_loop).parameters)
    if found != LOOP_ARGUMENTS:
        raise ValueError(
            f'{path}: train_loop has the arguments {", ".join(found)}, and '
            f'not {", ".join(LOOP_ARGUMENTS)}.'
        )


class _StandIn(types.ModuleType):
    """A module of which every name is there and does nothing."""

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *args, **kwargs: _StandIn(name)


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    """The loop makes a folder of results where it is started."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
