from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_gather
from torch import Tensor

from ...labels import IGNORE_LABEL
from .meta_batch import MetaBatch


def feedback_auc(
    coefficients: Sequence[Tensor], batches: Sequence[MetaBatch]
) -> Tensor:
    """Compute how well the coefficients tell correct from wrong labels.

    Args:
        coefficients: Coefficients of each micro-batch, (M,) with one per face,
            or (M, C) with one per face and class.
        batches: The micro-batches, with pseudo-labels and true classes.

    Returns:
        Area under the ROC curve over the faces of all ranks, a scalar: the
        probability that the coefficient of a face with a correct pseudo-label
        is greater than that of a face with a wrong one. It is 0.5 for
        coefficients that know nothing, and if all or none of the
        pseudo-labels are correct.
    """
    targets = torch.cat([batch.targets for batch in batches])
    truth = torch.cat([batch.truth for batch in batches])
    values = torch.cat(list(coefficients))
    if values.ndim == 2:
        values = (values * targets).sum(dim=1)
    known = truth != IGNORE_LABEL
    correct = targets.argmax(dim=1) == truth
    # The area over all ranks is not the mean of those of the ranks.
    values, known, correct = (
        torch.cat(all_gather(x)) for x in (values, known, correct)
    )
    right, wrong = values[known & correct], values[known & ~correct]
    if not len(right) or not len(wrong):
        return values.new_tensor(0.5)
    difference = right[:, None] - wrong
    return (difference.sign() + 1).mean() / 2
