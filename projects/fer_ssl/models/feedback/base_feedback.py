from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from .meta_batch import MetaBatch


class BaseFeedback(metaclass=ABCMeta):
    """How the student's step on pseudo-labels is judged, for the teacher.

    All estimators answer one question: by how much did, or would, the step
    lower the student's loss on the labeled faces?  They differ in what the
    answer is given for (the whole batch, each face, each face and class), in
    noise and in cost; docs/feedback.md compares them.

    The loop calls :meth:`before_student_step` when the student's gradients
    are there and its weights still old, and :meth:`after_student_step` when
    its weights are new. All probes run outside of autocast, in the student's
    own mode (batch statistics where it trains with them), and leave its
    running statistics alone.
    """

    #: Whether the teacher gets a gradient from soft pseudo-labels, too.
    takes_soft_labels = False
    #: Whether the student is differentiated in forward mode, which
    #: SyncBatchNorm cannot be.
    forward_mode = False

    @abstractmethod
    def before_student_step(
        self, student: nn.Module, batches: Sequence[MetaBatch], scale: float
    ) -> None:
        """Keep what is needed of the old student.

        Args:
            student: mmpretrain classifier, not wrapped. Gradients of L_u,
                averaged over all ranks, are in its parameters.
            batches: Micro-batches of equal size of the iteration.
            scale: Factor by which a loss scaler has multiplied the gradients.
        """

    @abstractmethod
    def after_student_step(
        self,
        student: nn.Module,
        batches: Sequence[MetaBatch],
        learning_rates: Mapping[str, float],
    ) -> list[Tensor]:
        """Coefficients f without gradient, one tensor per micro-batch.

        Args:
            student: As above, after the step.
            batches: As above.
            learning_rates: Of every trained parameter, by its name.

        Returns:
            Scalars (the same on every rank and for every micro-batch), (M,)
            for each face, or (M, C) for each face and class. Positive where
            the labeled loss falls.
        """

    def loss(self, coefficient: Tensor, batch: MetaBatch) -> Tensor:
        """L_f, Eq. 5: mean of f * CE(y, T(x_FR)) over the faces.

        With one coefficient for every class there is no label to draw, and
        L_f is the expectation, -sum_c f_c * T_c(x_FR), of which the gradient
        is that of the student's labeled loss.
        """
        weak_logits = batch.logits[1]
        if coefficient.ndim == 2:
            probs = weak_logits.softmax(dim=1)
            return -(coefficient * probs).sum(dim=1).mean()
        loss = F.cross_entropy(weak_logits, batch.targets, reduction='none')
        return (coefficient * loss).mean()
