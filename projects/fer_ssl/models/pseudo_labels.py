"""Targets of the student and of the teacher's consistency (paper A, 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..labels import IGNORE_LABEL

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
    # F.one_hot would read the labels, for which the processor has to wait.
    return torch.zeros_like(probs).scatter_(1, label[:, None], 1.0)


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


def describe_pseudo_labels(
    logits: Tensor,
    targets: Tensor,
    truth: Tensor,
    classes: Sequence[str],
    confident: Tensor | None = None,
) -> dict[str, Tensor]:
    """Means over the faces, to be logged: confidence, class shares, hits.

    Args:
        logits: Teacher's logits, (N, C).
        targets: Pseudo-labels, (N, C).
        truth: True classes, (N,), -1 where not known.
        classes: C names.
        confident: Which faces are learned from, (N,) bool.

    Returns:
        ``pseudo_label/confidence`` and ``pseudo_label/share_NAME``, and of
        all faces the share with known truth, ``pseudo_label/known``, and with
        a pseudo-label that is right, ``pseudo_label/hits``; both also of the
        single classes, ``pseudo_label/known_NAME`` and
        ``pseudo_label/hits_NAME``, whose ratio is the recall. With
        ``confident`` also its share and, of all faces, the shares that are
        confident and known, ``pseudo_label/confident_known``, or right,
        ``pseudo_label/confident_hits``, whose ratio is the accuracy of
        these.
    """
    probs = logits.detach().softmax(dim=1)
    outputs = {'pseudo_label/confidence': probs.amax(dim=1).mean()}
    for name, share in zip(classes, targets.mean(dim=0)):
        outputs[f'pseudo_label/share_{name}'] = share
    known = truth != IGNORE_LABEL
    hits = targets.argmax(dim=1) == truth
    shares = dict(known=known, hits=hits)
    if confident is not None:
        shares['confident'] = confident
        shares['confident_known'] = confident & known
        shares['confident_hits'] = confident & hits
    for name, share in shares.items():
        outputs[f'pseudo_label/{name}'] = share.float().mean()
    indices = torch.arange(len(classes), device=truth.device)
    of_class = (truth[:, None] == indices).float()  # (N, C)
    for kind, means in (
        ('known', of_class.mean(dim=0)),
        ('hits', (of_class * hits[:, None]).mean(dim=0)),
    ):
        for name, share in zip(classes, means):
            outputs[f'pseudo_label/{kind}_{name}'] = share
    return outputs
