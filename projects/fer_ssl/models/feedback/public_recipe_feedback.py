from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.registry import TASK_UTILS

from .finite_difference_feedback import FiniteDifferenceFeedback
from .probes import logits_of, mean_over_ranks


@TASK_UTILS.register_module()
class PublicRecipeFeedback(FiniteDifferenceFeedback):
    """The recipe of public implementations, which is biased.

    It is for comparison, not for use. f is the labeled loss of the old
    student, in one batch of the labeled faces and the strong views, minus the
    labeled loss of the new student on the labeled faces alone. Because of
    BatchNorm the two differ even without a step. L_f = f * CE(argmax
    T(strong), T(strong)) uses another label than the one that the student has
    learned. Train with ``pseudo_label='argmax'`` for the whole recipe.
    """

    @torch.no_grad()
    def before_student_step(self, student, batches, scale) -> None:
        self.seed = torch.initial_seed()
        losses = []
        for batch in batches:
            faces = torch.cat([batch.faces, batch.strong])
            logits = logits_of(student, faces)[: len(batch.faces)]
            losses.append(F.cross_entropy(logits, batch.labels))
        self.old_loss = mean_over_ranks(torch.stack(losses).mean())

    def loss(self, coefficient, batch):
        strong_logits = batch.logits.strong
        label = strong_logits.detach().argmax(dim=1)
        return coefficient * F.cross_entropy(strong_logits, label)
