from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.dist import (
    all_reduce,
    get_dist_info,
    get_rank,
    get_world_size,
)
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.registry import LOOPS, TASK_UTILS
from torch import Tensor, nn

from ...models.feedback import BaseFeedback, MetaBatch, TeacherLogits
from ...models.feedback.feedback_auc import feedback_auc
from ...models.feedback.probes import frozen_running_statistics
from ...models.pseudo_labels import (
    PSEUDO_LABELS,
    add_label_noise,
    consistency_loss,
    describe_pseudo_labels,
    pseudo_labels,
)
from ...models.unwrapped import unwrapped
from ...utils.seeds import mixed_seed
from .non_finite import check_finite
from .paired_train_loop import PairedTrainLoop


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
            :class:`BaseFeedback`. ``None`` trains without feedback. A student
            with another optimizer than SGD needs ``'finite_difference'`` or
            ``None``.
        logit_adjustment: Factor tau. tau times the log of the pseudo-labels'
            class fractions is added to the student's logits in Eq. 1 (Menon
            et al., arXiv 2007.07314). Unlabeled faces are mostly neutral and
            happy; 1 keeps the student from learning that prior, so that its
            bare logits suit balanced classes as the teacher's do. 0 is the
            paper's method, which has no such term.
        label_noise: Fraction of the pseudo-labels that are replaced by a
            random other class, to test whether the feedback detects them. 0
            disables it.
        consistency: Options of :func:`consistency_loss`, and ``weight``, the
            factor of L_c in Eq. 2.
        accumulation: Number of micro-batches into which both batches are
            split. This saves memory for the same step, except that BatchNorm
            sees the micro-batches.
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
        label_noise: float = 0.0,
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
        if not 0 <= label_noise <= 1 or (
            label_noise and pseudo_label == 'soft'
        ):
            raise ValueError(
                f'MetaPseudoLabelLoop: label_noise={label_noise} must be from '
                "0 to 1, and 0 for pseudo_label='soft'."
            )
        if unlabeled_dataloader is None:
            raise ValueError(
                'MetaPseudoLabelLoop learns from unlabeled faces: set '
                'train_cfg.unlabeled_dataloader.'
            )
        super().__init__(runner, dataloader, unlabeled_dataloader, **kwargs)
        if accumulation > 1 and len(self.labeled_views) > 1:
            raise ValueError(
                'MetaPseudoLabelLoop: accumulation would split the labeled '
                'views: set accumulation=1, or one of labeled_views.'
            )
        self.pseudo_label = pseudo_label
        self.label_noise = label_noise
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
                'mode, which SyncBatchNorm does not support: use feedback='
                "'dot' or 'finite_difference', or BatchNorm."
            )
        optimizer = optims['student'].optimizer
        if getattr(self.feedback, 'needs_sgd', False) and (
            type(optimizer)
            is not torch.optim.SGD  # a subclass may step otherwise
            or any(group['maximize'] for group in optimizer.param_groups)
        ):
            raise ValueError(
                f'{type(self.feedback).__name__} is derived for a step of '
                'SGD (without maximize), but '
                'optim_wrapper.student.optimizer is '
                f'{type(optimizer).__name__}: use SGD, or '
                "feedback='finite_difference' with hard pseudo-labels, which "
                'is exact for every optimizer.'
            )

    def run_iter(self, data_batch: dict) -> None:
        """Run steps 1 to 4 of the method on one pair of batches.

        ``outputs`` is the log of the iteration, in the order of the steps.
        """
        runner = self.runner
        runner.call_hook(
            'before_train_iter', batch_idx=self._iter, data_batch=data_batch
        )
        teacher, student = self.networks
        batches = self._micro_batches(data_batch)

        # 1. The teacher labels the unlabeled faces by their weak view.
        outputs = self._label(teacher, batches)

        # 2. The student takes a step on these pseudo-labels (Eq. 1).
        student_log, stepped = self._train_student(student, batches)
        outputs.update(student_log)

        # 3. The new student on the labeled faces judges that step (Eq. 6).
        feedback = None
        if stepped and self.feedback is not None:
            feedback = self._compute_feedback(student, batches)
            if feedback[0].ndim:
                outputs.update(feedback_auc(feedback, batches))
            runner.call_hook(
                'before_teacher_step',
                batch_idx=self._iter,
                feedback=feedback,
                outputs=outputs,
            )

        # 4. The teacher takes a step on L_s + L_c + L_f (Eqs. 2 to 5).
        self._train_teacher(teacher, batches, feedback, outputs)

        runner.call_hook(
            'after_train_iter',
            batch_idx=self._iter,
            data_batch=data_batch,
            outputs=outputs,
        )
        self._iter += 1

    def _label(
        self, teacher: nn.Module, batches: list[MetaBatch]
    ) -> dict[str, Tensor]:
        """Set ``logits``, ``targets`` and ``bias`` of each micro-batch.

        Returns:
            Values to log about the pseudo-labels.
        """
        for index, batch in enumerate(batches):
            # With several micro-batches only one graph at a time fits into
            # memory: the teacher predicts again before its own step, and
            # must be the same network then.
            self._seed(0, index)
            batch.logits = self._predict(
                teacher, batch, graph=len(batches) == 1
            )
            batch.targets = pseudo_labels(
                batch.logits.weak, self.pseudo_label, batch.uniform
            )
            if self.label_noise:
                batch.targets = add_label_noise(
                    batch.targets, self.label_noise, batch.noise
                )
        targets = torch.cat([b.targets for b in batches])
        bias = self._logit_bias(targets)
        for batch in batches:
            batch.bias = bias
        return describe_pseudo_labels(
            torch.cat([b.logits.weak for b in batches]),
            targets,
            torch.cat([b.truth for b in batches]),
            self.classes,
        )

    def _train_student(
        self, student: nn.Module, batches: list[MetaBatch]
    ) -> tuple[dict[str, Tensor], bool]:
        """Let the student learn the pseudo-labels, Eq. 1.

        Returns:
            Values to log, and whether the student took a step: loss scaling
            skips the step if a gradient has overflowed.
        """
        optim = self.runner.optim_wrapper['student']
        # The feedback seeds alike to find the dropout masks of this pass.
        self._seed(1)
        losses = []
        for batch in batches:
            with _reduced(student, batch is batches[-1]):
                with optim.optim_context(student):
                    logits = student(batch.view, mode='tensor').float()
                loss = F.cross_entropy(logits + batch.bias, batch.targets)
                check_finite(self.runner, 'student', dict(loss=loss))
                optim.backward(loss / len(batches))
            losses.append(loss.detach())
        log = {'student/loss': torch.stack(losses).mean()}
        student = unwrapped(student)
        scaler = getattr(optim, 'loss_scaler', None)
        if scaler is not None and not scaler.is_enabled():
            scaler = None
        # The old weights and grad L_u exist together only at this point.
        if self.feedback is not None:
            scale = scaler.get_scale() if scaler is not None else 1.0
            self.feedback.before_student_step(student, batches, scale)
        # The scaler skips a step silently.
        stepped = scaler is None or _has_finite_gradients(student)
        optim.step()
        optim.zero_grad()
        if not stepped:
            count = self._count_skipped_step()
            log['student/skipped_steps'] = torch.full_like(
                log['student/loss'], count
            )
        return log, stepped

    def _compute_feedback(
        self, student: nn.Module, batches: list[MetaBatch]
    ) -> list[Tensor]:
        """Compute the feedback coefficients, Eq. 6, after the student's step.

        Returns:
            The coefficient, or coefficients, of each micro-batch.
        """
        optim = self.runner.optim_wrapper['student']
        student = unwrapped(student)
        feedback = self.feedback.after_student_step(
            student, batches, _learning_rates(student, optim)
        )
        values = torch.cat([f.flatten() for f in feedback])
        check_finite(self.runner, 'student', dict(feedback=values))
        return feedback

    def _train_teacher(
        self,
        teacher: nn.Module,
        batches: list[MetaBatch],
        feedback: list[Tensor] | None,
        outputs: dict[str, Any],
    ) -> None:
        """Let the teacher learn from all its losses, Eq. 2.

        Args:
            teacher: The network, perhaps wrapped for DDP.
            batches: The iteration's micro-batches.
            feedback: Coefficients of each micro-batch; ``None`` leaves out
                L_f.
            outputs: Log of the iteration. The teacher's values are added, and
                then all become means over the ranks, as Python numbers.
        """
        optim = self.runner.optim_wrapper['teacher']
        sums: dict[str, Tensor | float] = {}
        for index, batch in enumerate(batches):
            last = batch is batches[-1]
            with _reduced(teacher, last):
                if len(batches) > 1:
                    self._seed(0, index)
                    batch.logits = self._predict(teacher, batch, graph=True)
                losses, confident = self._teacher_losses(batch)
                if feedback is not None:
                    losses['loss_feedback'] = self.feedback.loss(
                        feedback[index], batch
                    )  # Eq. 5
                check_finite(self.runner, 'teacher', losses)
                logged = {f'teacher/{name}': x for name, x in losses.items()}
                logged['pseudo_label/confident'] = confident
                for name, value in logged.items():
                    sums[name] = sums.get(name, 0.0) + value.detach()
                if last:
                    count = len(batches)
                    outputs.update((k, x / count) for k, x in sums.items())
                    # Here and not at the end: while the GPU is busy with the
                    # backward pass and the step, the CPU runs the hooks and
                    # fetches the next batch.
                    self.sync_log(outputs)
                optim.backward(sum(losses.values()) / len(batches))
        optim.step()
        optim.zero_grad()

    def _micro_batches(self, data_batch: dict) -> list[MetaBatch]:
        """Normalize the faces, move all to the device, and split it."""
        faces, labels, (weak, strong), truth = self.unpack(data_batch)
        view = strong if self.student_view == 'strong' else weak
        count = len(weak)
        fields = dict(
            faces=faces,
            labels=labels,
            weak=weak,
            strong=strong,
            view=view,
            truth=truth,
            uniform=self._uniform(count),
        )
        if self.label_noise:
            noise = [self._uniform(count, stream) for stream in (1, 2)]
            fields['noise'] = torch.stack(noise, dim=1)
        parts = [field.chunk(self.accumulation) for field in fields.values()]
        return [MetaBatch(**dict(zip(fields, part))) for part in zip(*parts)]

    def _predict(
        self, teacher: nn.Module, batch: MetaBatch, graph: bool
    ) -> TeacherLogits:
        """Compute the teacher's logits of all faces, in float32.

        One pass of all faces lets its BatchNorm see both domains.

        Args:
            teacher: The network, perhaps wrapped for DDP.
            batch: Faces of one micro-batch.
            graph: Whether to keep the graph for ``backward`` and to update
                the running statistics.
        """
        optim = self.runner.optim_wrapper['teacher']
        faces = torch.cat([batch.faces, batch.weak, batch.strong])
        with optim.optim_context(teacher), torch.set_grad_enabled(graph):
            if graph:
                logits = teacher(faces, mode='tensor')
            else:
                # Or the running statistics would count these faces twice.
                with frozen_running_statistics(teacher):
                    logits = teacher(faces, mode='tensor')
        sizes = [len(batch.faces), len(batch.weak), len(batch.strong)]
        return TeacherLogits(*logits.float().split(sizes))

    def _seed(self, *numbers: int) -> None:
        """Seed a pass of a network: the same numbers, the same dropout."""
        torch.manual_seed(
            mixed_seed(self.runner.seed, self._iter, get_rank(), *numbers)
        )

    def _logit_bias(self, targets: Tensor) -> Tensor | float:
        """Compute tau * log(running class fractions), (C,), or 0 without tau.

        The fractions are those of the pseudo-labels of all ranks. They are in
        the message hub, which is saved with the checkpoint.
        """
        if not self.logit_adjustment:
            return 0.0
        fractions = targets.mean(dim=0)
        all_reduce(fractions, op='mean')
        hub = self.runner.message_hub
        prior = torch.full_like(fractions, 1 / len(fractions))
        prior = hub.get_info('pseudo_label_prior', prior).to(fractions)
        prior = torch.lerp(prior, fractions, 0.01)
        hub.update_info('pseudo_label_prior', prior)
        return self.logit_adjustment * prior.clamp(min=1e-6).log()

    def _teacher_losses(
        self, batch: MetaBatch
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Compute L_s (Eq. 3), L_c (Eq. 4) and the fraction of faces in L_c.

        The fraction is that of the faces whose weak view is confident.
        """
        consistency, confident = consistency_loss(
            batch.logits.weak, batch.logits.strong, **self.consistency
        )
        losses = dict(
            loss_supervised=F.cross_entropy(
                batch.logits.labeled, batch.labels
            ),
            loss_consistency=self.consistency_weight * consistency,
        )
        return losses, confident

    def _uniform(self, count: int, *stream: int) -> Tensor:
        """Draw the random numbers in [0, 1), (count,), behind pseudo-labels.

        They are a function of the seed, the iteration and the position in the
        batch of all ranks, so that neither resuming nor the number of ranks
        changes a draw.

        Args:
            count: Number of faces of this rank.
            stream: Numbers that tell several draws of an iteration apart.
        """
        rank, world_size = get_dist_info()
        seed = mixed_seed(self.runner.seed, self._iter, *stream)
        generator = torch.Generator().manual_seed(seed)
        numbers = torch.rand(count * world_size, generator=generator)
        return numbers[rank * count : (rank + 1) * count]

    def _count_skipped_step(self) -> int:
        """Count one more student step, and thus feedback, that was skipped.

        Returns:
            Number of skipped steps since the start of the training.
        """
        hub = self.runner.message_hub
        count = hub.get_info('skipped_student_steps', 0) + 1
        hub.update_info('skipped_student_steps', count)
        return count


def build_feedback(
    feedback: str | dict | None, pseudo_label: str
) -> BaseFeedback | None:
    """Build an estimator from its config or short name.

    Args:
        feedback: ``'dot'`` is short for ``dict(type='DotFeedback')``.
        pseudo_label: Option of the loop.

    Raises:
        ValueError: L_f of the estimator has no gradient for soft labels.
    """
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
    """Return the learning rate of every trained parameter, by name."""
    rates = {
        id(parameter): float(group['lr'])
        for group in optim.param_groups
        for parameter in group['params']
    }
    return {
        name: rates.get(id(parameter), 0.0)
        for name, parameter in student.named_parameters()
        if parameter.requires_grad
    }


def _reduced(network: nn.Module, last: bool) -> AbstractContextManager:
    """Reduce the gradients over the ranks only after the last micro-batch."""
    if last or not is_model_wrapper(network):
        return nullcontext()
    return network.no_sync()


def _has_finite_gradients(network: nn.Module) -> bool:
    """Whether no gradient has overflowed; waits for the GPU only once."""
    largest = [
        p.grad.abs().amax() for p in network.parameters() if p.grad is not None
    ]
    return bool(torch.stack(largest).isfinite().all())
