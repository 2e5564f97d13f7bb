from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .meta_batch import MetaBatch


class BaseFeedback(metaclass=ABCMeta):
    """Base class of the estimators of the student's feedback to the teacher.

    All estimators answer one question: by how much did, or would, the
    student's step on the pseudo-labels lower its loss on the labeled faces?
    They differ in granularity (one answer per batch, per face, or per face
    and class), in noise and in cost; docs/feedback.md compares them.

    The loop calls :meth:`before_student_step` when the gradients have been
    computed but the weights are still old, and :meth:`after_student_step`
    when the weights are new. All probes run outside of autocast, in the
    student's current mode (with batch statistics if it trains with them), and
    leave its buffers, such as running statistics, as they are.
    """

    #: Whether L_f also has a gradient if the pseudo-labels are soft.
    takes_soft_labels = False
    #: Whether the estimator differentiates the student in forward mode, which
    #: SyncBatchNorm does not support.
    forward_mode = False
    #: Whether the estimator is derived for a step of SGD. The loop then
    #: refuses a student with another optimizer.
    needs_sgd = False

    @abstractmethod
    def before_student_step(
        self, student: nn.Module, batches: Sequence[MetaBatch], scale: float
    ) -> None:
        """Store what the estimator needs of the old student.

        The caller has seeded PyTorch right before the student's pass of the
        unlabeled faces, so that ``torch.initial_seed()`` gives back its
        dropout masks.

        Args:
            student: mmpretrain classifier, not wrapped for DDP. Its parameters
                hold the gradients of L_u, averaged over all ranks.
            batches: The iteration's micro-batches, all of the same size.
            scale: Factor by which a loss scaler has multiplied the gradients.
        """

    @abstractmethod
    def after_student_step(
        self,
        student: nn.Module,
        batches: Sequence[MetaBatch],
        learning_rates: Mapping[str, float],
    ) -> list[Tensor]:
        """Compute the coefficients f, without gradient.

        Args:
            student: The same student after its step.
            batches: The same micro-batches.
            learning_rates: Learning rate of every trained parameter, by name.

        Returns:
            One tensor per micro-batch: a scalar (the same on every rank and
            for every micro-batch), (M,) with one value per face, or (M, C)
            with one per face and class. Positive where the step lowers the
            labeled loss.
        """

    def loss(self, coefficient: Tensor, batch: MetaBatch) -> Tensor:
        """Compute L_f of Eq. 5, the mean of f * CE(y, T(x_FR)) over the faces.

        With one coefficient per face and class no label is drawn: L_f is the
        expectation, the mean of -sum_c f_c * T_c(x_FR), whose gradient is that
        of the student's labeled loss.
        """
        weak_logits = batch.logits.weak
        if coefficient.ndim == 2:
            probs = weak_logits.softmax(dim=1)
            # Minus: f is positive where more of a class lowers the loss.
            return -(coefficient * probs).sum(dim=1).mean()
        loss = F.cross_entropy(weak_logits, batch.targets, reduction='none')
        return (coefficient * loss).mean()
