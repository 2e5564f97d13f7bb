from __future__ import annotations

from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import copied_gradients, dot_product, labeled_gradients, scaled


@TASK_UTILS.register_module()
class DotFeedback(BaseFeedback):
    """Eq. 6 of paper A: the dot product of two gradients of the student.

    f = eta * grad L_l(theta') . grad L_u(theta), with theta the old and
    theta' the new weights (eta by parameter, where it differs). Cost: a
    forward and a backward pass of the labeled faces, a copy of the gradients,
    and under DDP one reduction of all of them.

    Args:
        cosine: The cosine of the two gradients, in [-1, 1], instead: free of
            the learning rate and of the gradients' norms.
    """

    def __init__(self, cosine: bool = False) -> None:
        self.cosine = cosine

    def before_student_step(self, student, batches, scale) -> None:
        self.gradients = copied_gradients(student, scale)

    def after_student_step(self, student, batches, learning_rates):
        labeled = labeled_gradients(student, batches)
        step = scaled(self.gradients, learning_rates)
        feedback = dot_product(labeled, step)
        if self.cosine:
            norms = dot_product(labeled, labeled) * dot_product(step, step)
            feedback = feedback / norms.sqrt().clamp(min=1e-20)
        return [feedback] * len(batches)
