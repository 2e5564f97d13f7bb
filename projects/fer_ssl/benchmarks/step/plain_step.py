"""The mathematics of the spatial phase as a plain PyTorch loop."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import Tensor, nn

from ...models.bfloat16_autocast import bfloat16_autocast
from ...models.feedback.probes import frozen_running_statistics
from ...utils.seeds import mixed_seed


class PlainLoop:
    """Iterations of paper A in plain PyTorch, without hooks and logs.

    Pseudo-labels are sampled with the package's random numbers, so that the
    weights of both can be compared.

    Args:
        model: :class:`TeacherStudent`; copies of its networks are trained.
        config: Config from :func:`paper_config`. Its optimizers, ``compile``
            and precision (float32, or the bfloat16 of
            ``Bfloat16OptimWrapper``) apply here too.
        batches: Batches that the loop cycles through.
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
        """See :meth:`PackageLoop.run`."""
        for number in range(steps):
            stamp(number)
            self.step(next(self.batches))
        stamp(steps)

    def step(self, batch: dict) -> None:
        """Run one iteration on a batch."""
        labeled, unlabeled = batch['labeled'], batch['unlabeled']
        labels = torch.cat([x.gt_label for x in labeled['data_samples']])
        labels = labels.to(self.device)
        faces, weak, strong = (
            self._normalized(x)
            for x in (labeled['inputs'], *unlabeled['inputs'])
        )
        sizes = [len(faces), len(weak), len(strong)]

        # 1. The teacher samples pseudo-labels on the weak views.
        logits = self._logits(self.teacher, torch.cat([faces, weak, strong]))
        logits_l, logits_w, logits_s = logits.split(sizes)
        targets = self._sample(logits_w.detach().softmax(1))

        # 2. The student learns them on the strong views.
        loss = F.cross_entropy(self._logits(self.student, strong), targets)
        loss.backward()
        gradients = [p.grad.clone() for p in self.student.parameters()]
        rate = self.optimizers[1].param_groups[0]['lr']
        self.optimizers[1].step()
        self.optimizers[1].zero_grad()

        # 3. The feedback: how much the update helped on labeled faces (Eq. 6).
        weights = list(self.student.parameters())
        with frozen_running_statistics(self.student):
            judged = self._logits(self.student, faces, self.bfloat16_feedback)
        loss = F.cross_entropy(judged, labels)
        products = [
            torch.dot(a.flatten(), b.flatten())
            for a, b in zip(torch.autograd.grad(loss, weights), gradients)
        ]
        feedback = rate * torch.stack(products).sum()

        # 4. The teacher learns: supervised, consistency and feedback losses.
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

    def _normalized(self, faces: Tensor) -> Tensor:
        faces = faces.to(self.device, non_blocking=True).flip(1).float()
        return (faces - self.mean) / self.std

    def _logits(
        self, network: nn.Module, faces: Tensor, bfloat16: bool | None = None
    ) -> Tensor:
        if bfloat16 is None:
            bfloat16 = self.bfloat16
        with bfloat16_autocast(self.device.type, bfloat16):
            return network(faces, mode='tensor').float()

    def _sample(self, probs: Tensor) -> Tensor:
        seed = mixed_seed(self.seed, self.iteration)
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(len(probs), generator=generator).to(probs)
        label = (probs.cumsum(1) <= uniform[:, None]).sum(1)
        label = label.clamp(max=probs.shape[1] - 1)
        return F.one_hot(label, probs.shape[1]).float()
