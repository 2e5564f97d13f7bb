from __future__ import annotations

import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import Tensor


@HOOKS.register_module()
class FeedbackLossHook(Hook):
    """Adds the feedback loss L_f to the teacher's losses (paper A, Eq. 5).

    L_f = weight * f * CE(y, T(x_FR)), with y the very label that the student
    was trained with and T's weak view, from which y was made. Remove the hook
    from the config for training without feedback.

    Args:
        weight: Factor of L_f. The paper's is 1; since f carries the student's
            learning rate, L_f is then small beside the other losses.
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def before_teacher_step(
        self,
        runner,
        batch_idx: int,
        feedback: Tensor,
        losses: dict,
        weak_logits: Tensor,
        pseudo_label: Tensor,
    ) -> None:
        """Put ``loss_feedback`` into ``losses``.

        Args:
            feedback: Coefficient f, a scalar without gradient.
            losses: Teacher's losses so far, changed in place.
            weak_logits: Teacher's logits of the weak view, (N, C).
            pseudo_label: Targets of the student, (N, C).
        """
        loss = F.cross_entropy(weak_logits, pseudo_label)
        losses['loss_feedback'] = self.weight * feedback * loss
