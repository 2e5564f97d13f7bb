from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_dist_info
from mmengine.model import is_model_wrapper
from mmengine.registry import LOOPS
from torch import Tensor

from ...labels import IGNORE_LABEL
from ...models.feedback import (
    PSEUDO_LABELS,
    consistency_loss,
    dot_product,
    frozen_running_statistics,
    gradients,
    pseudo_labels,
)
from .resumable_train_loop import ResumableTrainLoop


class PairedIterator:
    """Next batches of two endless iterators, as one dict."""

    def __init__(self, labeled, unlabeled) -> None:
        self.labeled = labeled
        self.unlabeled = unlabeled

    def __iter__(self):
        return self

    def __next__(self) -> dict:
        return dict(labeled=next(self.labeled), unlabeled=next(self.unlabeled))


@LOOPS.register_module()
class MetaPseudoLabelLoop(ResumableTrainLoop):
    """Spatial phase of paper A (arXiv 2403.11942, section 3.3).

    One iteration updates the student once and the teacher once. The model is
    a :class:`TeacherStudent`, ``optim_wrapper`` holds one wrapper for each
    network, and a hook with a method ``before_teacher_step`` (see
    :class:`FeedbackLossHook`) turns the feedback coefficient into a loss.
    Without such a hook the coefficient is not computed.

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
        logit_adjustment: Factor tau of the log class shares of the pseudo-
            labels that are added to the student's logits in Eq. 1 (Menon et
            al., arXiv 2007.07314). Unlabeled faces are mostly neutral and
            happy; 1 keeps the student from learning that prior, so that its
            bare logits suit balanced classes as the teacher's do. The paper
            has none, which is 0.
        consistency: Options of :func:`consistency_loss` and ``weight``, the
            factor of L_c in Eq. 2.
    """

    def __init__(
        self,
        runner,
        dataloader,
        unlabeled_dataloader,
        pseudo_label: str = 'sample',
        student_view: str = 'strong',
        consistency: dict | None = None,
        logit_adjustment: float = 0.0,
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
        super().__init__(runner, dataloader, **kwargs)
        self.pseudo_label = pseudo_label
        self.student_view = student_view
        self.logit_adjustment = logit_adjustment
        self.consistency = dict(consistency or {})
        self.consistency_weight = self.consistency.pop('weight', 1.0)
        self.unlabeled_dataloader = self.build_dataloader(
            runner, unlabeled_dataloader
        )
        self.classes = self.dataloader.dataset.metainfo['classes']
        self.dataloader_iterator = PairedIterator(
            self.dataloader_iterator,
            self.iterator_at(self.unlabeled_dataloader, self._iter),
        )

    def resume_data(self) -> None:
        self.dataloader_iterator = PairedIterator(
            self.iterator_at(self.dataloader, self._iter),
            self.iterator_at(self.unlabeled_dataloader, self._iter),
        )

    def run_iter(self, data_batch: dict) -> None:
        """Steps 1 to 4 of the method on one pair of batches."""
        runner = self.runner
        runner.call_hook(
            'before_train_iter', batch_idx=self._iter, data_batch=data_batch
        )
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        teacher, student = model.teacher, model.student
        teacher_optim = runner.optim_wrapper['teacher']
        student_optim = runner.optim_wrapper['student']
        faces, labels, weak, strong, truth = self._unpack(model, data_batch)

        # 1. The teacher sees all faces in one pass (so that its BatchNorm
        # sees both domains) and labels the unlabeled ones by the weak view.
        with teacher_optim.optim_context(teacher):
            logits = teacher(torch.cat([faces, weak, strong]), mode='tensor')
        logits_l, logits_w, logits_s = logits.float().split(
            [len(faces), len(weak), len(strong)]
        )
        targets = pseudo_labels(
            logits_w, self.pseudo_label, self._uniform(len(weak))
        )

        # 2. The student learns the pseudo-labels, Eq. 1.
        view = strong if self.student_view == 'strong' else weak
        with student_optim.optim_context(student):
            logits_u = student(view, mode='tensor').float()
            if self.logit_adjustment:
                prior = self._update_prior(targets).clamp(min=1e-6)
                logits_u = logits_u + self.logit_adjustment * prior.log()
            loss_u = F.cross_entropy(logits_u, targets)
        self._check_finite('student', dict(loss=loss_u))
        student_optim.backward(loss_u)
        needs_feedback = any(
            hasattr(hook, 'before_teacher_step') for hook in runner.hooks
        )
        if needs_feedback:
            params = [p for p in student.parameters() if p.requires_grad]
            grads_u = gradients(params, self._loss_scale(student_optim))
        student_optim.step()
        student_optim.zero_grad()

        # 3. The new student on the labeled faces gives the feedback, Eq. 6.
        losses = dict(
            loss_supervised=F.cross_entropy(logits_l, labels)  # Eq. 3
        )
        consistency, confident = consistency_loss(
            logits_w, logits_s, **self.consistency
        )  # Eq. 4
        losses['loss_consistency'] = self.consistency_weight * consistency
        outputs = {}
        if needs_feedback:
            learning_rate = student_optim.get_lr()['lr'][0]
            grads_l = self._labeled_gradients(
                student, student_optim, params, faces, labels
            )
            feedback = learning_rate * dot_product(grads_l, grads_u)
            self._check_finite('student', dict(feedback=feedback))
            outputs['feedback'] = feedback.detach()
            runner.call_hook(
                'before_teacher_step',
                batch_idx=self._iter,
                feedback=feedback,
                losses=losses,
                weak_logits=logits_w,
                pseudo_label=targets,
            )  # adds Eq. 5

        # 4. The teacher learns from all its losses, Eq. 2.
        self._check_finite('teacher', losses)
        teacher_optim.update_params(sum(losses.values()))

        outputs['student/loss'] = loss_u.detach()
        for name, loss in losses.items():
            outputs[f'teacher/{name}'] = loss.detach()
        outputs['pseudo_label/confident'] = confident
        outputs.update(self._describe(logits_w, targets, truth))
        runner.call_hook(
            'after_train_iter',
            batch_idx=self._iter,
            data_batch=data_batch,
            outputs=outputs,
        )
        self._iter += 1

    @staticmethod
    def _unpack(model, data_batch: dict):
        """Normalised faces and labels on the device.

        Returns:
            Labeled faces (N, 3, H, W) and labels (N,), weak and strong views
            (M, 3, H, W) of the unlabeled faces and their true labels (M,),
            -1 where the truth is not known.
        """
        preprocess = model.data_preprocessor
        labeled = preprocess(data_batch['labeled'], True)
        unlabeled = data_batch['unlabeled']
        if len(unlabeled['inputs']) != 2 or isinstance(
            unlabeled['inputs'], Tensor
        ):
            raise ValueError(
                'The unlabeled loader must give two views of each face: end '
                'its pipeline with MultiView(num_views=[1, 1], ...) and '
                "PackInputs, and set collate_fn=dict(type='default_collate')."
            )
        weak, strong = (
            preprocess(dict(inputs=view), True)['inputs']
            for view in unlabeled['inputs']
        )
        labels, truth = (
            torch.cat([sample.gt_label for sample in samples]).to(weak.device)
            for samples in (
                labeled['data_samples'],
                unlabeled['data_samples'],
            )
        )
        return labeled['inputs'], labels, weak, strong, truth

    def _update_prior(self, targets: Tensor) -> Tensor:
        """Running class shares (C,) of the pseudo-labels of all ranks.

        They live in the message hub, which is saved with the checkpoint.
        """
        share = targets.mean(dim=0)
        all_reduce(share, op='mean')
        hub = self.runner.message_hub
        prior = torch.full_like(share, 1 / len(share))
        prior = hub.get_info('pseudo_label_prior', prior).to(share)
        prior = torch.lerp(prior, share, 0.01)
        hub.update_info('pseudo_label_prior', prior)
        return prior

    def _uniform(self, count: int) -> Tensor:
        """Random numbers in [0, 1), (count,), that decide the pseudo-labels.

        A function of seed, iteration and place in the batch of all ranks, so
        that neither resuming nor the number of ranks changes a draw.
        """
        rank, world_size = get_dist_info()
        generator = torch.Generator().manual_seed(
            (self.runner.seed * 1_000_003 + self._iter) % 2**63
        )
        numbers = torch.rand(count * world_size, generator=generator)
        return numbers[rank * count : (rank + 1) * count]

    def _labeled_gradients(self, student, optim, params, faces, labels):
        """Gradient of the labeled loss at the new student, no trace left."""
        with frozen_running_statistics(student):
            with optim.optim_context(student):
                loss = F.cross_entropy(
                    student(faces, mode='tensor').float(), labels
                )
            self._check_finite('student', dict(loss_labeled=loss))
            scale = self._loss_scale(optim)
            (loss * scale).backward()
        grads = gradients(params, scale)
        optim.zero_grad()
        return grads

    @staticmethod
    def _loss_scale(optim) -> float:
        """Factor by which mixed-precision training scales gradients."""
        scaler = getattr(optim, 'loss_scaler', None)
        return scaler.get_scale() if scaler is not None else 1.0

    def _check_finite(self, network: str, values: dict) -> None:
        """Stop before a step that would destroy the weights."""
        for name, value in values.items():
            if not torch.isfinite(value):
                raise FloatingPointError(
                    f'{network}/{name} is {value.item()} at iteration '
                    f'{self._iter + 1}: lower the learning rate or clip the '
                    'gradients (clip_grad in optim_wrapper), and look at the '
                    'faces of this batch.'
                )

    def _describe(self, logits: Tensor, targets: Tensor, truth: Tensor):
        """Confidence, class shares and accuracy of the pseudo-labels."""
        probs = logits.detach().softmax(dim=1)
        shares = targets.mean(dim=0)
        outputs = {'pseudo_label/confidence': probs.amax(dim=1).mean()}
        for name, share in zip(self.classes, shares):
            outputs[f'pseudo_label/share_{name}'] = share
        known = truth != IGNORE_LABEL
        if known.any():
            hits = targets[known].argmax(dim=1) == truth[known]
            outputs['pseudo_label/accuracy'] = hits.float().mean()
        return outputs
