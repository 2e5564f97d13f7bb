from __future__ import annotations

import torch
from torch import Tensor


def estimate_class_prior(
    probs: Tensor, num_steps: int = 100, assumed: Tensor | None = None
) -> Tensor:
    """Estimate the class prior of faces without labels.

    The EM algorithm of Saerens et al. (Neural Computation, 2002). It finds the
    prior pi under which the predictions are most likely, for a classifier
    whose probabilities assume the prior pi_0, that of its training::

        q_i(c) = w_i(c) / sum_k w_i(k), w_i(c) = probs_i(c) * pi(c) / pi_0(c)
        pi(c) = mean_i q_i(c)

    Args:
        probs: Predicted probabilities, (N, C).
        num_steps: Number of steps, from pi = pi_0.
        assumed: The prior pi_0, (C,), all of it above 0. ``None``: balanced
            classes.

    Returns:
        Prior (C,), its sum is 1.
    """
    probs = probs.double()
    prior = probs.new_full((probs.shape[1],), 1 / probs.shape[1])
    if assumed is not None:
        prior = assumed.double() / assumed.double().sum()
        probs = probs / prior
    for _ in range(num_steps):
        joint = probs * prior
        prior = (joint / joint.sum(dim=1, keepdim=True)).mean(dim=0)
    return prior.to(torch.float32)
