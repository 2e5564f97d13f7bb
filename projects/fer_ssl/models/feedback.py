"""The feedback of paper A (arXiv 2403.11942, section 3.3.2) as functions.

How much did learning the pseudo-labels help the student on the balanced
labeled faces? To first order in the student's learning rate ``eta``, the
labeled loss falls by

    L_l(theta) - L_l(theta') ~ eta * grad L_l(theta') . grad L_u(theta),

where ``theta' = theta - eta * grad L_u(theta)``. The right side is Eq. 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm
from torch import Tensor, nn

PSEUDO_LABELS = ('sample', 'argmax', 'soft')


def pseudo_labels(
    logits: Tensor, kind: str, uniform: Tensor | None = None
) -> Tensor:
    """Targets of the student from the teacher's view of a face.

    Args:
        logits: Teacher's logits, (N, C).
        kind: ``'sample'`` draws from the predicted distribution,
            ``'argmax'`` takes its mode, ``'soft'`` is the distribution.
        uniform: One number in [0, 1) per face, (N,), that decides the draw
            of ``'sample'`` by the inverse distribution function.

    Returns:
        Distributions (N, C) without gradient; one-hot unless ``'soft'``.
    """
    probs = logits.detach().float().softmax(dim=1)
    if kind == 'soft':
        return probs
    if kind == 'argmax':
        label = probs.argmax(dim=1)
    elif kind == 'sample':
        passed = probs.cumsum(dim=1) <= uniform.to(probs)[:, None]
        label = passed.sum(dim=1).clamp(max=probs.shape[1] - 1)
    else:
        raise ValueError(
            f'pseudo_label={kind!r} is none of {", ".join(PSEUDO_LABELS)}.'
        )
    return F.one_hot(label, probs.shape[1]).to(probs.dtype)


def consistency_loss(
    weak_logits: Tensor,
    strong_logits: Tensor,
    temperature: float = 1.0,
    threshold: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Eq. 4: L_c = CE(T(x_FR), T(Aug(x_FR))), the weak view as the target.

    Args:
        weak_logits: Teacher's logits of the weak view, (N, C).
        strong_logits: Teacher's logits of the strong view, (N, C).
        temperature: Below 1 sharpens the target (UDA).
        threshold: Faces whose weak view is less confident do not count (UDA).

    Returns:
        The loss, a mean over all N faces, and the share of faces that count.
    """
    weak_logits = weak_logits.detach()
    target = (weak_logits / temperature).softmax(dim=1)
    confident = weak_logits.softmax(dim=1).amax(dim=1) >= threshold
    loss = F.cross_entropy(strong_logits, target, reduction='none')
    return (loss * confident).mean(), confident.float().mean()


def gradients(
    parameters: Sequence[nn.Parameter], scale: float = 1.0
) -> list[Tensor | None]:
    """Copies of the gradients that ``backward`` left, divided by ``scale``.

    A copy, because optimizers may change ``.grad`` in place (Nesterov
    momentum, gradient clipping, a fused step under loss scaling).
    """
    return [
        None if p.grad is None else p.grad.detach() / scale for p in parameters
    ]


def dot_product(
    first: Sequence[Tensor | None], second: Sequence[Tensor | None]
) -> Tensor:
    """Sum over all parameters of the products of two gradients, a scalar."""
    products = [
        torch.dot(a.flatten().float(), b.flatten().float())
        for a, b in zip(first, second)
        if a is not None and b is not None
    ]
    return torch.stack(products).sum()


@contextmanager
def frozen_running_statistics(module: nn.Module) -> Iterator[None]:
    """BatchNorm layers normalise as in training but record nothing."""
    layers = [
        layer
        for layer in module.modules()
        if isinstance(layer, _BatchNorm) and layer.track_running_stats
    ]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
