from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def known_class_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the cross-entropy over the classes that a data set has.

    Data sets with different classes can be trained together: the probability
    of a face is shared among the classes of its own data set, so nothing is
    learned about the others::

        CE = -sum_c y(c) log(exp z(c) / sum_k exp z(k)), c and k known

    Args:
        logits: Logits (N, C).
        labels: Labels (N,), or distributions (N, C), which are negative for
            classes that the data set of the face does not have.

    Returns:
        Mean over the faces.
    """
    if labels.ndim == 1:
        return F.cross_entropy(logits, labels)
    unknown = labels < 0
    log_probs = logits.masked_fill(unknown, float('-inf')).log_softmax(dim=1)
    # Not -inf * 0, which is not a number.
    log_probs = log_probs.masked_fill(unknown, 0.0)
    return -(labels * log_probs).sum(dim=1).mean()
