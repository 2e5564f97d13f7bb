from __future__ import annotations

from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import copied_gradients, dot_product, labeled_gradients


@TASK_UTILS.register_module()
class DotFeedback(BaseFeedback):
    """Dot product of two gradients of the student (paper A, Eq. 6).

    f = eta * grad L_l(theta') . grad L_u(theta), with theta the old and
    theta' the new weights (and each parameter's own eta where they differ).
    Cost: a forward and a backward pass of the labeled faces, a copy of the
    gradients, and under DDP one reduction of all of them.

    Args:
        cosine: Return the cosine of the two gradients, in [-1, 1], which does
            not depend on the learning rate or on the gradients' norms.
        bfloat16: Compute the labeled gradient under autocast to bfloat16,
            which takes about half the time on hardware with that type. A
            CPU without it uses float32.
    """

    needs_sgd = True

    def __init__(self, cosine: bool = False, bfloat16: bool = False) -> None:
        self.cosine = cosine
        self.bfloat16 = bfloat16

    def before_student_step(self, student, batches, scale) -> None:
        self.gradients = copied_gradients(student, scale)

    def after_student_step(self, student, batches, learning_rates):
        labeled = labeled_gradients(student, batches, self.bfloat16)
        feedback = dot_product(labeled, self.gradients, learning_rates)
        if self.cosine:
            # The vectors are grad L_l and eta * grad L_u, the plain SGD step.
            ones = dict.fromkeys(labeled, 1.0)
            squares = {name: rate**2 for name, rate in learning_rates.items()}
            norms = (
                dot_product(labeled, labeled, ones).sqrt()
                * dot_product(self.gradients, self.gradients, squares).sqrt()
            )
            feedback = feedback / norms.masked_fill(norms == 0, 1)
        return [feedback] * len(batches)
