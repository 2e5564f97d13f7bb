from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_gather
from torch import Tensor

from ...labels import IGNORE_LABEL
from .meta_batch import MetaBatch


def feedback_auc(
    coefficients: Sequence[Tensor], batches: Sequence[MetaBatch]
) -> dict[str, Tensor]:
    """Compute the ROC AUC of the coefficients for correct pseudo-labels.

    Args:
        coefficients: Coefficients of each micro-batch, (M,) with one per face,
            or (M, C) with one per face and class.
        batches: The micro-batches, with pseudo-labels and true classes.

    Returns:
        ``feedback/auc``, the area under the ROC curve over the faces of all
        ranks, a scalar: the probability that the coefficient of a face with a
        correct pseudo-label is greater than that of a face with a wrong one.
        It is 0.5 for uninformative coefficients, and NaN if all or none of
        the pseudo-labels are correct. In ``feedback/auc_same_label`` both
        faces have the same pseudo-label, so a coefficient that depends only
        on the class has 0.5 there.
    """
    targets = torch.cat([batch.targets for batch in batches])
    truth = torch.cat([batch.truth for batch in batches])
    values = torch.cat(list(coefficients))
    if values.ndim == 2:
        values = (values * targets).sum(dim=1)
    # The area over all ranks is not the mean of those of the ranks.
    values, labels, truth = (
        torch.cat(all_gather(x)) for x in (values, targets.argmax(1), truth)
    )
    known, correct = truth != IGNORE_LABEL, labels == truth
    # Without indexing by masks, for which the CPU would wait for the GPU.
    pairs = (known & correct)[:, None] & (known & ~correct)
    same = pairs & (labels[:, None] == labels)
    ordered = ((values[:, None] - values).sign() + 1) / 2
    return {
        'feedback/auc': (ordered * pairs).sum() / pairs.sum(),
        'feedback/auc_same_label': (ordered * same).sum() / same.sum(),
    }
