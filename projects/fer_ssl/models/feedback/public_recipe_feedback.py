from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import (
    frozen_running_statistics,
    labeled_loss,
    logits_of,
    mean_over_ranks,
)


@TASK_UTILS.register_module()
class PublicRecipeFeedback(BaseFeedback):
    """What public implementations do. Biased: for comparison, not for use.

    f = (labeled loss of the old student within the concatenated batch of
    labeled faces and strong views) - (labeled loss of the new student on the
    labeled faces alone). BatchNorm makes the two differ without any step.
    L_f = f * CE(argmax T(strong), T(strong)): not the label that the student
    has learned. Train with ``pseudo_label='argmax'`` for the whole recipe.
    """

    def before_student_step(self, student, batches, scale) -> None:
        losses = []
        with torch.no_grad(), frozen_running_statistics(student):
            for batch in batches:
                faces = torch.cat([batch.faces, batch.strong])
                logits = logits_of(student, faces)[: len(batch.faces)]
                losses.append(F.cross_entropy(logits, batch.labels))
        self.old_loss = mean_over_ranks(torch.stack(losses).mean())

    def after_student_step(self, student, batches, learning_rate):
        with torch.no_grad(), frozen_running_statistics(student):
            new_loss = mean_over_ranks(labeled_loss(student, batches))
        return [self.old_loss - new_loss] * len(batches)

    def loss(self, coefficient, batch):
        strong_logits = batch.logits[2]
        label = strong_logits.detach().argmax(dim=1)
        return coefficient * F.cross_entropy(strong_logits, label)
