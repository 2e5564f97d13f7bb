from __future__ import annotations

import torch
from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import labeled_loss, mean_over_ranks


@TASK_UTILS.register_module()
class FiniteDifferenceFeedback(BaseFeedback):
    """The fall of the student's labeled loss, f = L_l(theta) - L_l(theta').

    Exact for the step that the optimizer really took, momentum and weight
    decay included, where the other estimators look at a plain gradient step.
    Both losses are of the same faces, in the same mode, with the same dropout
    masks, and in full float32: the difference is far below the resolution of
    the short floats of autocast and of TF32. Cost: two forward passes of the
    labeled faces.
    """

    def before_student_step(self, student, batches, scale) -> None:
        self.old_loss = self._loss(student, batches)

    def after_student_step(self, student, batches, learning_rates):
        fall = self.old_loss - self._loss(student, batches)
        return [fall] * len(batches)

    @staticmethod
    @torch.no_grad()
    def _loss(student, batches):
        cudnn = torch.backends.cudnn
        full_precision = cudnn.flags(
            enabled=cudnn.enabled,
            benchmark=cudnn.benchmark,
            deterministic=cudnn.deterministic,
            allow_tf32=False,
        )
        device = batches[0].faces.device
        devices = [device] if device.type == 'cuda' else []
        with full_precision, torch.random.fork_rng(devices):
            torch.manual_seed(torch.initial_seed())
            return mean_over_ranks(labeled_loss(student, batches))
