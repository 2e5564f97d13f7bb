from __future__ import annotations

import torch
from mmengine.registry import TASK_UTILS

from .base_feedback import BaseFeedback
from .probes import (
    directional_derivative,
    labeled_gradients,
    logits_of,
    replayed_random_numbers,
    scaled,
    trained_weights,
)


@TASK_UTILS.register_module()
class ExpectedFeedback(BaseFeedback):
    """One coefficient per face and class, without sampling.

    A student that learns soft labels T(x) takes the step theta' = theta +
    eta / M * sum_i sum_c T_c(x_i) * grad log S_c(x_i; theta), so that

        dL_l(theta') / dT_c(x_i) = eta / M * s_ic,
        s_ic = grad L_l(theta') . grad log S_c(x_i; theta).

    One forward-mode pass of the student's log-probabilities along
    grad L_l(theta') gives all s at once. With f_ic = -eta * s_ic, the loss
    L_f = -mean_i sum_c f_ic * T_c(x_i) has the exact gradient of the labeled
    loss after that step: no sampling, hence no sampling noise, and no
    baseline to subtract. With hard labels it is the same to first order in
    eta. The student must be the same network in both passes, so the second
    one repeats the dropout masks of the step. Momentum and weight decay do
    not change the gradient; Nesterov momentum and dampening change its
    length; with gradient clipping it is not exact (docs/feedback.md). The
    class fractions of ``logit_adjustment`` count as constants.

    Cost: a forward and a backward pass of the labeled faces, one
    forward-mode pass of the unlabeled faces (as much work as three forward
    passes), a copy of the weights, and under DDP one reduction of all
    gradients.
    """

    takes_soft_labels = True
    forward_mode = True
    needs_sgd = True

    def before_student_step(self, student, batches, scale) -> None:
        self.seed = torch.initial_seed()
        # Clones, because the optimizer changes the weights in place.
        self.old_weights = {
            name: p.detach().clone()
            for name, p in trained_weights(student).items()
        }

    def after_student_step(self, student, batches, learning_rates):
        direction = scaled(labeled_gradients(student, batches), learning_rates)
        # s belongs to the network that took the step: to its dropout masks.
        with replayed_random_numbers(self.seed, batches[0].view.device):
            return [
                -self._slopes(student, batch, direction) for batch in batches
            ]

    def _slopes(self, student, batch, direction):
        """Compute eta * s of every face and class, (M, C)."""

        def log_probs(weights):
            logits = logits_of(student, batch.view, weights)
            return (logits + batch.bias).log_softmax(dim=1)

        return directional_derivative(log_probs, self.old_weights, direction)
