from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..models.heads import PriorLinearHead
from .expression_inferencer import ExpressionInferencer
from .task_values import head_of


def assumed_prior(
    inferencer: ExpressionInferencer, trained_on: Sequence[float] | None = None
) -> np.ndarray | None:
    """Return the class frequencies that the predictions of a network assume.

    EM starts from these. They are those of the calibration that the checkpoint
    has, or those that its :class:`PriorLinearHead` adds, or equal ones if
    the training drew balanced batches.

    Args:
        inferencer: Inferencer of the network.
        trained_on: Number of faces of each class in the training, (C,), for a
            network without a calibration; ``None`` if unknown.

    Returns:
        Frequencies (C,), their sum is 1; ``None`` if nothing tells them.

    Raises:
        ValueError: The numbers are not one above 0 per class, or not needed.
    """
    count = len(inferencer.classes)
    first = inferencer.network.calibration
    if first is not None and (first.has_fitted_biases or trained_on is None):
        if trained_on is not None:
            raise ValueError(
                f'{inferencer.weights}: its calibration tells which class '
                'frequencies it assumes. Leave out --trained-on.'
            )
        return np.array(first.prior)
    if trained_on is not None:
        if len(trained_on) != count or min(trained_on) <= 0:
            raise ValueError(
                f'trained_on={list(trained_on)}: give a number above 0 for '
                f'each of {", ".join(inferencer.classes)}.'
            )
        return np.array(trained_on) / sum(trained_on)
    head = head_of(inferencer.model)
    if isinstance(head, PriorLinearHead):
        return head.log_prior.double().softmax(dim=0).cpu().numpy()
    loader = inferencer.cfg.get('train_dataloader') or {}
    sampler = str((loader.get('sampler') or {}).get('type'))
    is_balanced = sampler.endswith('ClassBalancedSampler')
    return np.full(count, 1 / count) if is_balanced else None
