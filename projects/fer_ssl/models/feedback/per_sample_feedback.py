from __future__ import annotations

from mmengine.registry import TASK_UTILS

from .expected_feedback import ExpectedFeedback


@TASK_UTILS.register_module()
class PerSampleFeedback(ExpectedFeedback):
    """One coefficient per face, that of its own pseudo-label.

    f_i = -eta * s_iy, with y the pseudo-label of face i and s as in
    :class:`ExpectedFeedback`. Eq. 6 judges every face by the mean of all f_i;
    here no face is judged by the labels of the others. This removes most of
    the noise and does not change the direction of the expectation (its scale
    is M times as large). The cost is that of :class:`ExpectedFeedback`.
    """

    takes_soft_labels = False

    def after_student_step(self, student, batches, learning_rates):
        every_class = super().after_student_step(
            student, batches, learning_rates
        )
        return [
            (feedback * batch.targets).sum(dim=1)
            for feedback, batch in zip(every_class, batches)
        ]
