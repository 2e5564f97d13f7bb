"""The package's own iteration on batches in memory."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ...engine.loops.meta_pseudo_label_loop import build_feedback


class _NoFaces(Dataset):
    """Placeholder for the datasets of a config; batches come from memory."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.metainfo = dict(classes=tuple(classes))

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, idx: int) -> Tensor:
        return torch.zeros(())


def random_batches(
    classes: int, labeled: int, unlabeled: int, size: int, count: int = 2
) -> list[dict]:
    """Make batches of noise in the form of the loaders, from a fixed seed.

    Args:
        classes: Number of classes.
        labeled: Number of faces in ``batch['labeled']``.
        unlabeled: Number of faces in ``batch['unlabeled']``, with two views
            each.
        size: Side of the faces in pixels.
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
    """Return the config with the paper's mathematics and random weights.

    It describes what :class:`PlainLoop` does: sampled pseudo-labels, the
    student on the strong view, Eq. 6, and a consistency loss without
    threshold.
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
    """Build a runner that is ready for its first iteration on given batches.

    Hooks, optimizers and schedulers are those of the config; there is no
    validation.

    Args:
        config: Config from :func:`paper_config`.
        batches: Batches that the loop cycles through.
        folder: Work directory.
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
    runner.train()  # builds the optimizers and calls the first hooks
    runner.model.train()
    return runner


class PackageLoop:
    """Iterations of a runner with one estimator.

    Args:
        runner: Runner from :func:`build_runner`; all estimators share it.
        feedback: Config or short name of the feedback, or ``None``.
    """

    def __init__(self, runner: Runner, feedback: str | dict | None) -> None:
        self.loop = runner.train_loop
        self.feedback = build_feedback(feedback, self.loop.pseudo_label)

    def run(self, steps: int, stamp: Callable[[int], None]) -> None:
        """Run iterations.

        Args:
            steps: Number of iterations.
            stamp: Called with 0, 1, ... before each iteration, and after the
                last one.
        """
        self.loop.feedback = self.feedback
        for number in range(steps):
            stamp(number)
            self.loop.run_next()
        stamp(steps)
