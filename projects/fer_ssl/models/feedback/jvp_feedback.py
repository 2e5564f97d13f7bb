from __future__ import annotations

from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import (
    copied_gradients,
    directional_derivative,
    labeled_loss,
    mean_over_ranks,
    scaled,
    trained_weights,
)


@TASK_UTILS.register_module()
class JvpFeedback(BaseFeedback):
    """Eq. 6 of paper A by forward-mode differentiation.

    f = eta * d/de L_l(theta' + e * grad L_u(theta)) at e = 0, the same value
    as that of :class:`DotFeedback`. Cost: one forward-mode pass of the
    labeled faces (as much work as three forward passes), a copy of the
    gradients, and under DDP the reduction of one scalar.
    """

    forward_mode = True
    needs_sgd = True

    def before_student_step(self, student, batches, scale) -> None:
        self.gradients = copied_gradients(student, scale)

    def after_student_step(self, student, batches, learning_rates):
        slope = directional_derivative(
            lambda weights: labeled_loss(student, batches, weights),
            trained_weights(student),
            scaled(self.gradients, learning_rates),
        )
        return [mean_over_ranks(slope)] * len(batches)
