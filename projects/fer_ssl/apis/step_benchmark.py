"""Time of one iteration of the spatial phase, beside two other loops.

On the same batches, which lie in memory: the package's iteration with every
estimator of the feedback, the same mathematics as a loop written by hand, and
the loop of Meta-Face2Exp.
"""

from __future__ import annotations

import copy
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..engine.loops.meta_pseudo_label_loop import _build_feedback
from ..models.feedback.probes import frozen_running_statistics
from ..randomness import mixed_seed
from .face2exp_step import Face2ExpLoop

REFERENCE = 'plain PyTorch, dot'
PEER = 'Meta-Face2Exp'
NO_FEEDBACK = 'none'
ESTIMATORS = (
    'dot',
    'jvp',
    'finite_difference',
    'expected',
    'per_sample',
    'public_recipe',
)


# --------------------------------------------------------------------------
# What has to be computed
# --------------------------------------------------------------------------
@dataclass(frozen=True)
class Passes:
    """Images that go through a network in one iteration.

    Attributes:
        forward: Through the network.
        backward: And back.
        tangent: With derivatives in forward mode; they are among ``forward``,
            too.
    """

    forward: int
    backward: int
    tangent: int = 0

    @property
    def cost(self) -> int:
        """In forward passes of one image.

        Each layer multiplies once going forward and twice going backward (by
        the weights and by the activations), as it does in forward mode.
        """
        return self.forward + 2 * (self.backward + self.tangent)


def passes(name: str, labeled: int, unlabeled: int) -> Passes:
    """What an implementation has to compute, for both networks together.

    The teacher sees the labeled faces and both views of the unlabeled ones,
    the student one view. On top comes what the feedback needs.

    Args:
        name: An estimator, ``'none'``, :data:`REFERENCE` or :data:`PEER`.
        labeled: Labeled faces of an iteration.
        unlabeled: Unlabeled faces.
    """
    n, m = labeled, unlabeled
    forward, backward, tangent = {
        NO_FEEDBACK: (0, 0, 0),
        'dot': (n, n, 0),
        REFERENCE: (n, n, 0),
        'jvp': (n, 0, n),
        'finite_difference': (2 * n, 0, 0),
        'expected': (n + m, n, m),
        'per_sample': (n + m, n, m),
        'public_recipe': (2 * n + m, 0, 0),
        # The student learns from both, and the gradient is that of both.
        PEER: (2 * n, n, 0),
    }[name]
    step = n + 3 * m
    return Passes(step + forward, step + backward, tangent)


# --------------------------------------------------------------------------
# The implementations
# --------------------------------------------------------------------------
class _NoFaces(Dataset):
    """Stands for the data sets of a config: their batches lie in memory."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.metainfo = dict(classes=tuple(classes))

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, idx: int) -> Tensor:
        return torch.zeros(())


def random_batches(
    classes: int, labeled: int, unlabeled: int, size: int, count: int = 2
) -> list[dict]:
    """Batches of noise as the loaders give them, the same in every call.

    Args:
        classes: Number of classes.
        labeled: Faces in ``batch['labeled']``.
        unlabeled: Faces in ``batch['unlabeled']``, two views of each.
        size: Side in pixels.
        count: Number of batches.
    """
    rng = np.random.default_rng(0)

    def faces(number: int) -> Tensor:
        shape = (number, 3, size, size)
        pixels = torch.from_numpy(rng.integers(0, 256, shape, np.uint8))
        return pixels.pin_memory() if torch.cuda.is_available() else pixels

    def samples(labels: np.ndarray) -> list[DataSample]:
        return [DataSample().set_gt_label(int(label)) for label in labels]

    return [
        dict(
            labeled=dict(
                inputs=faces(labeled),
                data_samples=samples(rng.integers(0, classes, labeled)),
            ),
            unlabeled=dict(
                inputs=[faces(unlabeled), faces(unlabeled)],
                data_samples=samples(np.full(unlabeled, -1)),
            ),
        )
        for _ in range(count)
    ]


def paper_config(config: Config) -> Config:
    """The config with the paper's mathematics, and without start weights.

    That is what :class:`PlainLoop` does: drawn labels, the student on the
    strong view, Eq. 6, and a consistency loss without threshold.
    """
    config = copy.deepcopy(config)
    config.model.network.init_cfg = None
    config.model.network.backbone.init_cfg = None
    feedback = config.train_cfg.feedback
    if not isinstance(feedback, dict) or feedback.type != 'DotFeedback':
        feedback = 'dot'
    config.train_cfg.update(
        pseudo_label='sample',
        student_view='strong',
        logit_adjustment=0.0,
        feedback=feedback,
        consistency=dict(weight=1.0),
    )
    for hook in config.custom_hooks:
        if hook.type == 'FeedbackLossHook':
            hook.clear()
            hook.update(type='FeedbackLossHook')
    return config


def build_runner(config: Config, batches: Sequence[dict], folder: str):
    """Runner of a config, ready for its first iteration, on given batches.

    Hooks, optimizers and schedulers are those of the config; there is no
    validation.

    Args:
        config: See :func:`paper_config`.
        batches: Taken in turn.
        folder: For its log.
    """
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    dataset = config.train_dataloader.dataset
    no_faces = _NoFaces(dataset.metainfo.classes)
    train_cfg = dict(config.train_cfg, val_interval=1 << 30)
    first = batches[0]
    train_cfg['unlabeled_dataloader'] = DataLoader(
        no_faces, len(first['unlabeled']['data_samples'])
    )
    runner = Runner(
        model=config.model,
        work_dir=folder,
        train_dataloader=DataLoader(
            no_faces, len(first['labeled']['data_samples'])
        ),
        train_cfg=train_cfg,
        optim_wrapper=config.optim_wrapper,
        param_scheduler=config.param_scheduler,
        default_hooks=config.default_hooks,
        custom_hooks=config.custom_hooks,
        log_processor=config.log_processor,
        env_cfg=config.env_cfg,
        randomness=config.randomness,
        default_scope=config.default_scope,
        log_level='ERROR',
        experiment_name=f'step_{time.time_ns()}',
        cfg=dict(compile=config.get('compile')),
    )
    loop = runner.train_loop
    loop.dataloader_iterator = itertools.cycle(batches)

    def start() -> nn.Module:
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        loop.prepare()
        return runner.model

    loop.run = start
    runner.train()  # builds the optimizers and calls the hooks
    runner.model.train()
    return runner


class PackageLoop:
    """Iterations of a runner with one estimator.

    Args:
        runner: See :func:`build_runner`; the estimators share it.
        feedback: Config or short name, or ``None``.
    """

    def __init__(self, runner: Runner, feedback: str | dict | None) -> None:
        self.loop = runner.train_loop
        self.feedback = _build_feedback(feedback, self.loop.pseudo_label)

    def run(self, steps: int, stamp: Callable[[int], None]) -> None:
        """Run some iterations.

        Args:
            stamp: Called with 0, 1, ... before each and after the last.
        """
        self.loop.feedback = self.feedback
        for number in range(steps):
            stamp(number)
            self.loop.run_next()
        stamp(steps)


class PlainLoop:
    """One iteration of paper A as one would write it down, without a package.

    The draws of the pseudo-labels are the package's, so that both can be
    compared weight by weight.

    Args:
        model: :class:`TeacherStudent`, of which copies are trained.
        config: See :func:`paper_config`. Its optimizers and ``compile``
            hold here too, and its precision: float32, or the bfloat16 of
            ``Bfloat16OptimWrapper``.
        batches: As for :func:`build_runner`.
    """

    def __init__(
        self, model: nn.Module, config: Config, batches: Sequence[dict]
    ) -> None:
        networks = copy.deepcopy((model.teacher, model.student))
        self.teacher, self.student = networks
        self.batches = itertools.cycle(batches)
        self.device = next(model.parameters()).device
        self.mean = model.data_preprocessor.mean
        self.std = model.data_preprocessor.std
        self.seed = config.randomness.seed
        self.iteration = 0
        self.optimizers, self.schedulers = [], []
        for network, name in zip(networks, ('teacher', 'student')):
            options = dict(config.optim_wrapper[name].optimizer)
            kind = getattr(torch.optim, options.pop('type'))
            optimizer = kind(network.parameters(), **options)
            self.optimizers.append(optimizer)
            self.schedulers.append(
                torch.optim.lr_scheduler.CosineAnnealingLR(
                    optimizer, config.train_cfg.max_iters
                )
            )
            if config.get('compile'):
                options = config.compile
                network.backbone.compile(
                    **({} if options is True else options)
                )
        kind = config.optim_wrapper.student.get('type')
        self.bfloat16 = kind == 'Bfloat16OptimWrapper'
        feedback = config.train_cfg.feedback
        self.bfloat16_feedback = isinstance(feedback, dict) and feedback.get(
            'bfloat16', False
        )

    def run(self, steps: int, stamp: Callable[[int], None]) -> None:
        """As :meth:`PackageLoop.run`."""
        for number in range(steps):
            stamp(number)
            self.step(next(self.batches))
        stamp(steps)

    def step(self, batch: dict) -> None:
        labeled, unlabeled = batch['labeled'], batch['unlabeled']
        labels = torch.cat([x.gt_label for x in labeled['data_samples']])
        labels = labels.to(self.device)
        faces, weak, strong = (
            self._normalised(x)
            for x in (labeled['inputs'], *unlabeled['inputs'])
        )
        sizes = [len(faces), len(weak), len(strong)]

        # 1. the teacher labels
        logits = self._logits(self.teacher, torch.cat([faces, weak, strong]))
        logits_l, logits_w, logits_s = logits.split(sizes)
        targets = self._draw(logits_w.detach().softmax(1))

        # 2. the student learns
        loss = F.cross_entropy(self._logits(self.student, strong), targets)
        loss.backward()
        gradients = [p.grad.clone() for p in self.student.parameters()]
        rate = self.optimizers[1].param_groups[0]['lr']
        self.optimizers[1].step()
        self.optimizers[1].zero_grad()

        # 3. and is judged
        weights = list(self.student.parameters())
        with frozen_running_statistics(self.student):
            judged = self._logits(self.student, faces, self.bfloat16_feedback)
        loss = F.cross_entropy(judged, labels)
        products = [
            torch.dot(a.flatten(), b.flatten())
            for a, b in zip(torch.autograd.grad(loss, weights), gradients)
        ]
        feedback = rate * torch.stack(products).sum()

        # 4. the teacher learns
        loss = (
            F.cross_entropy(logits_l, labels)
            + F.cross_entropy(logits_s, logits_w.detach().softmax(1))
            + feedback * F.cross_entropy(logits_w, targets)
        )
        loss.backward()
        self.optimizers[0].step()
        self.optimizers[0].zero_grad()
        for scheduler in self.schedulers:
            scheduler.step()
        self.iteration += 1

    def _normalised(self, faces: Tensor) -> Tensor:
        faces = faces.to(self.device, non_blocking=True).flip(1).float()
        return (faces - self.mean) / self.std

    def _logits(
        self, network: nn.Module, faces: Tensor, bfloat16: bool | None = None
    ) -> Tensor:
        if bfloat16 is None:
            bfloat16 = self.bfloat16
        kind = self.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=bfloat16):
            return network(faces, mode='tensor').float()

    def _draw(self, probs: Tensor) -> Tensor:
        seed = mixed_seed(self.seed, self.iteration)
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(len(probs), generator=generator).to(probs)
        label = (probs.cumsum(1) <= uniform[:, None]).sum(1)
        label = label.clamp(max=probs.shape[1] - 1)
        return F.one_hot(label, probs.shape[1]).float()


# --------------------------------------------------------------------------
# Measuring
# --------------------------------------------------------------------------
@dataclass
class StepSpeed:
    """Time of an implementation over the rounds.

    Attributes:
        name: :data:`REFERENCE`, :data:`PEER` or the estimator of the package.
        seconds: Of one step, in each round.
        images: Faces of a step, labeled and unlabeled, each once.
        ratios: Rate divided by the reference's, in each round.
        passes: What it has to compute.
    """

    name: str
    seconds: list[float]
    images: int
    ratios: list[float]
    passes: Passes


def compare_steps(
    config: Config,
    peer: str | None = None,
    estimators: Sequence[str] = ESTIMATORS,
    labeled: int = 32,
    unlabeled: int = 32,
    size: int = 224,
    rounds: int = 5,
    steps: int = 2,
) -> list[StepSpeed]:
    """Measure all implementations in turns.

    Each round measures all of them one after another, so that what else the
    machine does falls on all; every other round goes the other way round.
    On a GPU in seconds of the clock, else in seconds of the processor on one
    thread.

    Args:
        config: Of the spatial phase.
        peer: Clone of Meta-Face2Exp; without, it is left out.
        estimators: Of the feedback; none at all is always measured.
        labeled: Labeled faces of a step.
        unlabeled: Unlabeled ones.
        size: Side of the faces, pixels.
        steps: Steps of a measurement; one more goes before it.

    Returns:
        The reference first.

    Raises:
        ValueError: The peer's network is not of the same size.
    """
    config = paper_config(config)
    classes = len(config.train_dataloader.dataset.metainfo.classes)
    batches = random_batches(classes, labeled, unlabeled, size)
    threads = torch.get_num_threads()
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            runner = build_runner(config, batches, folder)
            loops = {REFERENCE: PlainLoop(runner.model, config, batches)}
            loops[NO_FEEDBACK] = PackageLoop(runner, None)
            for name in estimators:
                feedback = name
                if name == 'dot':
                    feedback = config.train_cfg.feedback
                loops[name] = PackageLoop(runner, feedback)
            if peer is not None:
                loops[PEER] = _peer_loop(
                    peer, runner.model, classes, labeled, unlabeled, size
                )
            seconds = {name: [] for name in loops}
            for number in range(rounds):
                order = list(loops) if number % 2 else list(loops)[::-1]
                for name in order:
                    seconds[name].append(_seconds(loops[name], steps, on_gpu))
            for logger in (runner.logger, runner.visualizer):
                _close(logger)
    finally:
        torch.set_num_threads(threads)
    reference = seconds[REFERENCE]
    return [
        StepSpeed(
            name,
            own,
            labeled + unlabeled,
            [a / b for a, b in zip(reference, own)],
            passes(name, labeled, unlabeled),
        )
        for name, own in seconds.items()
    ]


def _peer_loop(folder, model, classes, labeled, unlabeled, size):
    device = next(model.parameters()).device.type
    loop = Face2ExpLoop(folder, classes, labeled, unlabeled, size, device)
    weights = sum(x.numel() for x in model.student.parameters())
    if loop.weights != weights:
        raise ValueError(
            f'{folder}: a network of {loop.weights:,} weights cannot be '
            f'compared with the one of the config, which has {weights:,}: '
            'take a config with ResNet-50.'
        )
    return loop


def _seconds(loop, steps: int, on_gpu: bool) -> float:
    """Seconds of one step, the mean of some after a first one."""
    clock = time.perf_counter if on_gpu else time.process_time
    stamps = {}

    def stamp(number: int) -> None:
        if number in (1, steps + 1):
            if on_gpu:
                torch.cuda.synchronize()
            stamps[number] = clock()

    loop.run(steps + 1, stamp)
    return (stamps[steps + 1] - stamps[1]) / steps


def _close(owner) -> None:
    for part in getattr(owner, 'handlers', []) or [owner]:
        part.close()


def rows(speeds: Sequence[StepSpeed]) -> list[dict]:
    """Rows of the table; times are medians over the rounds.

    ``images_per_s`` counts labeled and unlabeled faces, each once;
    ``ratio_to_reference`` is the median of the ratios of these rates;
    ``least`` and ``most`` are its extremes. ``feedback_share`` is the part of
    the step that goes away without feedback. ``cost`` is the number of
    forward passes of one image that the step cannot do without.
    """
    device = 'cpu'
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    without = {speed.name: speed for speed in speeds}[NO_FEEDBACK]
    table = []
    for speed in speeds:
        seconds = median(speed.seconds)
        own = speed.name not in (REFERENCE, PEER)
        share = ''
        if own:
            share = median(
                1 - a / b for a, b in zip(without.seconds, speed.seconds)
            )
            share = f'{share:.3f}'
        table.append(
            dict(
                implementation=f'fer_ssl, {speed.name}' if own else speed.name,
                device=device,
                images_per_s=f'{speed.images / seconds:.2f}',
                ratio_to_reference=f'{median(speed.ratios):.3f}',
                least=f'{min(speed.ratios):.3f}',
                most=f'{max(speed.ratios):.3f}',
                steps_per_s=f'{1 / seconds:.4f}',
                feedback_share=share,
                cost=speed.passes.cost,
            )
        )
    return table
