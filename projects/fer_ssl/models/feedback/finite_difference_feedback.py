from __future__ import annotations

import torch
from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import (
    labeled_loss,
    mean_over_ranks,
    replayed_random_numbers,
)


@TASK_UTILS.register_module()
class FiniteDifferenceFeedback(BaseFeedback):
    """Decrease of the student's labeled loss, f = L_l(theta) - L_l(theta').

    It is exact for the step that the student really took, whatever its
    optimizer and gradient clipping. Both losses use the same faces, the same
    mode, the same dropout masks and full float32, since the difference is far
    below the resolution of TF32 and of the 16-bit types of autocast. Cost:
    two forward passes of the labeled faces.
    """

    def before_student_step(self, student, batches, scale) -> None:
        self.seed = torch.initial_seed()
        self.old_loss = self._loss(student, batches)

    def after_student_step(self, student, batches, learning_rates):
        decrease = self.old_loss - self._loss(student, batches)
        return [decrease] * len(batches)

    @torch.no_grad()
    def _loss(self, student, batches):
        cudnn = torch.backends.cudnn
        full_precision = cudnn.flags(
            enabled=cudnn.enabled,
            benchmark=cudnn.benchmark,
            deterministic=cudnn.deterministic,
            allow_tf32=False,
        )
        # For the same dropout masks in both passes.
        same_masks = replayed_random_numbers(
            self.seed, batches[0].faces.device
        )
        with full_precision, same_masks:
            return mean_over_ranks(labeled_loss(student, batches))
