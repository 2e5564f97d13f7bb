from __future__ import annotations

from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import copied_gradients, dot_product, labeled_gradients


@TASK_UTILS.register_module()
class DotFeedback(BaseFeedback):
    """Eq. 6 of paper A: the dot product of two gradients of the student.

    f = eta * grad L_l(theta') . grad L_u(theta), with theta the old and
    theta' the new weights. Cost: a forward and a backward pass of the labeled
    faces, a copy of the gradients, and under DDP one reduction of all of them.

    Args:
        cosine: The cosine of the two gradients, in [-1, 1], instead: free of
            the learning rate and of the gradients' norms.
    """

    def __init__(self, cosine: bool = False) -> None:
        self.cosine = cosine

    def before_student_step(self, student, batches, scale) -> None:
        self.gradients = copied_gradients(student, scale)

    def after_student_step(self, student, batches, learning_rate):
        labeled = labeled_gradients(student, batches)
        feedback = dot_product(labeled, self.gradients)
        if self.cosine:
            norms = [dot_product(g, g) for g in (labeled, self.gradients)]
            feedback = feedback / (norms[0] * norms[1]).sqrt().clamp(min=1e-20)
        else:
            feedback = learning_rate * feedback
        return [feedback] * len(batches)
