from __future__ import annotations

import torch
from torch import Tensor


def estimate_class_prior(probs: Tensor, num_steps: int = 100) -> Tensor:
    """Estimate the class prior of faces without labels.

    The EM algorithm of Saerens et al. (Neural Computation, 2002) for a
    classifier that was trained on balanced classes. It finds the prior under
    which the predictions are most likely::

        q_i(c) = probs_i(c) * pi(c) / sum_k probs_i(k) * pi(k)
        pi(c) = mean_i q_i(c)

    Args:
        probs: Predicted probabilities for balanced classes, (N, C).
        num_steps: Number of steps, from the uniform prior.

    Returns:
        Prior (C,), its sum is 1.
    """
    probs = probs.double()
    prior = probs.new_full((probs.shape[1],), 1 / probs.shape[1])
    for _ in range(num_steps):
        joint = probs * prior
        prior = (joint / joint.sum(dim=1, keepdim=True)).mean(dim=0)
    return prior.to(torch.float32)
