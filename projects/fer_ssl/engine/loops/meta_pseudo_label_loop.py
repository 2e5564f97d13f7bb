from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_dist_info, get_world_size
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.registry import LOOPS, TASK_UTILS
from torch import Tensor, nn

from ...models.feedback import MetaBatch
from ...models.feedback.probes import frozen_running_statistics
from ...models.pseudo_labels import (
    PSEUDO_LABELS,
    consistency_loss,
    describe_pseudo_labels,
    pseudo_labels,
)
from ...utils.seeds import mixed_seed
from .non_finite import check_finite
from .paired_train_loop import PairedTrainLoop, unwrapped


@LOOPS.register_module()
class MetaPseudoLabelLoop(PairedTrainLoop):
    """Spatial phase of paper A (arXiv 2403.11942, section 3.3).

    One iteration updates the student once and the teacher once. The model is
    a :class:`TeacherStudent`, and ``optim_wrapper`` holds one wrapper for
    each network. Between steps 3 and 4 every hook that has a method
    ``before_teacher_step`` may change the feedback coefficient (see
    :class:`FeedbackLossHook`).

    Args:
        dataloader: Labeled faces (the runner's ``train_dataloader``).
        unlabeled_dataloader: Unlabeled faces in two views; its ``inputs`` are
            ``[weak, strong]``. Its batch size is independent of the labeled
            one; their ratio is mu.
        pseudo_label: ``'sample'`` (the unbiased choice for Eq. 6),
            ``'argmax'`` or ``'soft'``. The student's target and the label in
            L_f are always the same.
        student_view: View that the student learns from, ``'strong'`` or
            ``'weak'``.
        feedback: Estimator of the coefficient: ``'dot'`` (the paper's),
            ``'jvp'``, ``'finite_difference'``, ``'expected'``,
            ``'per_sample'``, ``'public_recipe'``, or the config of a
            :class:`BaseFeedback`. ``None`` trains without feedback.
        logit_adjustment: Factor tau of the log class shares of the pseudo-
            labels that are added to the student's logits in Eq. 1 (Menon et
            al., arXiv 2007.07314). Unlabeled faces are mostly neutral and
            happy; 1 keeps the student from learning that prior, so that its
            bare logits suit balanced classes as the teacher's do. The paper
            has none, which is 0.
        consistency: Options of :func:`consistency_loss` and ``weight``, the
            factor of L_c in Eq. 2.
        accumulation: Micro-batches into which both batches are split, for
            less memory at the same step. BatchNorm sees the micro-batches.
    """

    def __init__(
        self,
        runner,
        dataloader,
        unlabeled_dataloader,
        pseudo_label: str = 'sample',
        student_view: str = 'strong',
        feedback: str | dict | None = 'dot',
        logit_adjustment: float = 0.0,
        consistency: dict | None = None,
        accumulation: int = 1,
        **kwargs,
    ) -> None:
        for name, value, choices in (
            ('pseudo_label', pseudo_label, PSEUDO_LABELS),
            ('student_view', student_view, ('strong', 'weak')),
        ):
            if value not in choices:
                raise ValueError(
                    f'MetaPseudoLabelLoop: {name}={value!r} is none of '
                    f'{choices}.'
                )
        super().__init__(runner, dataloader, unlabeled_dataloader, **kwargs)
        self.pseudo_label = pseudo_label
        self.student_view = student_view
        self.feedback = build_feedback(feedback, pseudo_label)
        self.logit_adjustment = logit_adjustment
        self.consistency = dict(consistency or {})
        self.consistency_weight = self.consistency.pop('weight', 1.0)
        self.accumulation = accumulation
        for loader in (self.dataloader, self.unlabeled_dataloader):
            if accumulation < 1 or loader.batch_size % accumulation:
                raise ValueError(
                    f'MetaPseudoLabelLoop: batch_size={loader.batch_size} '
                    f'cannot be split into accumulation={accumulation} equal '
                    'parts.'
                )

    @property
    def networks(self) -> tuple[nn.Module, nn.Module]:
        return self.bare_model.teacher, self.bare_model.student

    def check_parts(self) -> None:
        super().check_parts()
        optims = self.runner.optim_wrapper
        if not isinstance(optims, OptimWrapperDict):
            raise ValueError(
                'MetaPseudoLabelLoop needs an optimizer for each network: '
                "optim_wrapper=dict(constructor='MultiOptimWrapperConstructor'"
                ', teacher=..., student=...).'
            )
        for name, optim in optims.items():
            if optim._accumulative_counts != 1:
                raise ValueError(
                    f'optim_wrapper.{name}.accumulative_counts must be 1: '
                    'set train_cfg.accumulation instead.'
                )
        synchronized = any(
            isinstance(layer, nn.SyncBatchNorm)
            for layer in self.bare_model.student.modules()
        )
        if (
            synchronized
            and get_world_size() > 1
            and getattr(self.feedback, 'forward_mode', False)
        ):
            raise ValueError(
                f'{type(self.feedback).__name__} differentiates in forward '
                'mode, which SyncBatchNorm does not: use feedback='
                "'dot' or 'finite_difference', or BatchNorm."
            )

    def run_iter(self, data_batch: dict) -> None:
        """Steps 1 to 4 of the method on one pair of batches."""
        runner = self.runner
        runner.call_hook(
            'before_train_iter', batch_idx=self._iter, data_batch=data_batch
        )
        model = self.bare_model
        outputs: dict = {}
        batches = self._micro_batches(data_batch)
        self._label(model.teacher, batches, outputs)  # 1.
        stepped = self._train_student(model.student, batches, outputs)  # 2.
        feedback = None
        if stepped and self.feedback is not None:
            feedback = self._compute_feedback(  # 3.
                model.student, batches, outputs
            )
        self._train_teacher(model.teacher, batches, feedback, outputs)  # 4.
        runner.call_hook(
            'after_train_iter',
            batch_idx=self._iter,
            data_batch=data_batch,
            outputs=outputs,
        )
        self._iter += 1

    def _label(self, teacher, batches: list[MetaBatch], outputs: dict) -> None:
        """1. The teacher labels the unlabeled faces by their weak view."""
        for batch in batches:
            # Of several micro-batches only one graph fits into memory: the
            # teacher predicts again before its own step.
            self._predict(teacher, batch, graph=len(batches) == 1)
            batch.targets = pseudo_labels(
                batch.logits[1], self.pseudo_label, batch.uniform
            )
        targets = torch.cat([b.targets for b in batches])
        bias = self._logit_bias(targets)
        for batch in batches:
            batch.bias = bias
        outputs.update(
            describe_pseudo_labels(
                torch.cat([b.logits[1] for b in batches]),
                targets,
                torch.cat([b.truth for b in batches]),
                self.classes,
            )
        )

    def _train_student(
        self, student, batches: list[MetaBatch], outputs: dict
    ) -> bool:
        """2. The student learns the pseudo-labels, Eq. 1.

        Returns:
            Whether it took a step: loss scaling skips the step where a
            gradient has overflowed.
        """
        optim = self.runner.optim_wrapper['student']
        losses = []
        for batch in batches:
            with _reduced(student, batch is batches[-1]):
                with optim.optim_context(student):
                    logits = student(batch.view, mode='tensor').float()
                loss = F.cross_entropy(logits + batch.bias, batch.targets)
                check_finite(self.runner, 'student', dict(loss=loss))
                optim.backward(loss / len(batches))
            losses.append(loss.detach())
        outputs['student/loss'] = torch.stack(losses).mean()
        student = unwrapped(student)
        scaler = getattr(optim, 'loss_scaler', None)
        if scaler is not None and not scaler.is_enabled():
            scaler = None
        if self.feedback is not None:
            scale = scaler.get_scale() if scaler is not None else 1.0
            self.feedback.before_student_step(student, batches, scale)
        stepped = scaler is None or _finite_gradients(student)
        optim.step()
        optim.zero_grad()
        if not stepped:
            self._count_skipped_step(outputs)
        return stepped

    def _compute_feedback(
        self, student, batches: list[MetaBatch], outputs: dict
    ) -> list[Tensor]:
        """3. The new student on the labeled faces gives the feedback, Eq. 6.

        Returns:
            A coefficient for each micro-batch, as the hooks have left it.
        """
        optim = self.runner.optim_wrapper['student']
        student = unwrapped(student)
        feedback = self.feedback.after_student_step(
            student, batches, _learning_rates(student, optim)
        )
        values = torch.cat([f.flatten() for f in feedback])
        check_finite(self.runner, 'student', dict(feedback=values))
        self.runner.call_hook(
            'before_teacher_step',
            batch_idx=self._iter,
            feedback=feedback,
            outputs=outputs,
        )
        return feedback

    def _train_teacher(
        self,
        teacher,
        batches: list[MetaBatch],
        feedback: list[Tensor] | None,
        outputs: dict,
    ) -> None:
        """4. The teacher learns from all its losses, Eq. 2."""
        optim = self.runner.optim_wrapper['teacher']
        sums: dict = {}
        for number, batch in enumerate(batches):
            last = batch is batches[-1]
            with _reduced(teacher, last):
                if len(batches) > 1:
                    self._predict(teacher, batch, graph=True)
                losses, confident = self._teacher_losses(batch)
                if feedback is not None:
                    losses['loss_feedback'] = self.feedback.loss(
                        feedback[number], batch
                    )  # Eq. 5
                check_finite(self.runner, 'teacher', losses)
                logged = {f'teacher/{name}': x for name, x in losses.items()}
                logged['pseudo_label/confident'] = confident
                for name, value in logged.items():
                    sums[name] = sums.get(name, 0.0) + value.detach()
                if last:
                    count = len(batches)
                    outputs.update((k, x / count) for k, x in sums.items())
                    # Here and not at the end: while the GPU is busy with what
                    # follows, the hooks run and the next batch is fetched.
                    self.read(outputs)
                optim.backward(sum(losses.values()) / len(batches))
        optim.step()
        optim.zero_grad()

    def _micro_batches(self, data_batch: dict) -> list[MetaBatch]:
        """Normalised faces and labels on the device, in micro-batches."""
        faces, labels, (weak, strong), truth = self.unpack(data_batch)
        view = strong if self.student_view == 'strong' else weak
        uniform = self._uniform(len(weak))
        parts = [
            tensor.chunk(self.accumulation)
            for tensor in (
                faces,
                labels,
                weak,
                strong,
                view,
                truth,
                uniform,
            )
        ]
        return [MetaBatch(*part) for part in zip(*parts)]

    def _predict(self, teacher, batch: MetaBatch, graph: bool) -> None:
        """Teacher's logits of all faces, in one pass.

        So its BatchNorm sees both domains.

        Args:
            graph: Without it nothing is kept for ``backward`` or recorded in
                the running statistics.
        """
        optim = self.runner.optim_wrapper['teacher']
        faces = torch.cat([batch.faces, batch.weak, batch.strong])
        with optim.optim_context(teacher), torch.set_grad_enabled(graph):
            if graph:
                logits = teacher(faces, mode='tensor')
            else:
                with frozen_running_statistics(teacher):
                    logits = teacher(faces, mode='tensor')
        batch.logits = logits.float().split(
            [len(batch.faces), len(batch.weak), len(batch.strong)]
        )

    def _logit_bias(self, targets: Tensor) -> Tensor | float:
        """Logit adjustment: tau * log of the running shares, (C,).

        The shares are of the pseudo-labels of all ranks. They live in the
        message hub, which is saved with the checkpoint.
        """
        if not self.logit_adjustment:
            return 0.0
        share = targets.mean(dim=0)
        all_reduce(share, op='mean')
        hub = self.runner.message_hub
        prior = torch.full_like(share, 1 / len(share))
        prior = hub.get_info('pseudo_label_prior', prior).to(share)
        prior = torch.lerp(prior, share, 0.01)
        hub.update_info('pseudo_label_prior', prior)
        return self.logit_adjustment * prior.clamp(min=1e-6).log()

    def _teacher_losses(self, batch: MetaBatch) -> tuple[dict, Tensor]:
        """L_s (Eq. 3) and L_c (Eq. 4), and the share of faces in L_c."""
        labeled, weak, strong = batch.logits
        consistency, confident = consistency_loss(
            weak, strong, **self.consistency
        )
        losses = dict(
            loss_supervised=F.cross_entropy(labeled, batch.labels),
            loss_consistency=self.consistency_weight * consistency,
        )
        return losses, confident

    def _uniform(self, count: int) -> Tensor:
        """Random numbers in [0, 1), (count,), that decide the pseudo-labels.

        A function of seed, iteration and place in the batch of all ranks, so
        that neither resuming nor the number of ranks changes a draw.
        """
        rank, world_size = get_dist_info()
        seed = mixed_seed(self.runner.seed, self._iter)
        generator = torch.Generator().manual_seed(seed)
        numbers = torch.rand(count * world_size, generator=generator)
        return numbers[rank * count : (rank + 1) * count]

    def _count_skipped_step(self, outputs: dict) -> None:
        """Log the number of student steps, and so feedbacks, left out."""
        hub = self.runner.message_hub
        count = hub.get_info('skipped_student_steps', 0) + 1
        hub.update_info('skipped_student_steps', count)
        outputs['student/skipped_steps'] = torch.full_like(
            outputs['student/loss'], count
        )


def build_feedback(feedback: str | dict | None, pseudo_label: str):
    """Estimator from its config or short name."""
    if feedback is None:
        return None
    if isinstance(feedback, str):
        words = feedback.split('_')
        feedback = dict(type=''.join(w.title() for w in words) + 'Feedback')
    feedback = TASK_UTILS.build(feedback)
    if pseudo_label == 'soft' and not feedback.takes_soft_labels:
        raise ValueError(
            "MetaPseudoLabelLoop: with pseudo_label='soft' the L_f of "
            f'{type(feedback).__name__} has no gradient: use '
            "feedback='expected', or None."
        )
    return feedback


def _learning_rates(student: nn.Module, optim) -> dict[str, float]:
    """Learning rate of every trained parameter, by its name."""
    rates = {
        id(parameter): group['lr']
        for group in optim.param_groups
        for parameter in group['params']
    }
    return {
        name: rates.get(id(parameter), 0.0)
        for name, parameter in student.named_parameters()
        if parameter.requires_grad
    }


def _reduced(network: nn.Module, last: bool) -> AbstractContextManager:
    """Sum the gradients over the ranks only after the last micro-batch."""
    if last or not is_model_wrapper(network):
        return nullcontext()
    return network.no_sync()


def _finite_gradients(network: nn.Module) -> bool:
    largest = [
        p.grad.abs().amax() for p in network.parameters() if p.grad is not None
    ]
    return bool(torch.stack(largest).isfinite().all())
