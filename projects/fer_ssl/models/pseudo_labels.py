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
    """Make the student's targets from the teacher's logits.

    Args:
        logits: Teacher's logits, (N, C).
        kind: ``'sample'`` draws from the predicted distribution,
            ``'argmax'`` takes its mode, ``'soft'`` is the distribution.
        uniform: One random number in [0, 1) per face, (N,), from which
            ``'sample'`` draws by the inverse distribution function.

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
    # Not F.one_hot, which reads the labels and so makes the CPU wait for the
    # GPU.
    return torch.zeros_like(probs).scatter_(1, label[:, None], 1.0)


def add_label_noise(
    targets: Tensor, fraction: float, uniform: Tensor
) -> Tensor:
    """Replace a random part of hard pseudo-labels by other classes.

    Args:
        targets: One-hot pseudo-labels, (N, C).
        fraction: Probability that a label is replaced.
        uniform: Random numbers in [0, 1), (N, 2): the first decides whether
            the label is replaced, the second draws one of the other C - 1
            classes.

    Returns:
        One-hot pseudo-labels, (N, C).
    """
    classes = targets.shape[1]
    first, second = uniform.to(targets).unbind(dim=1)
    shift = 1 + (second * (classes - 1)).long()
    shift = torch.where(first < fraction, shift, 0)
    label = (targets.argmax(dim=1) + shift) % classes
    return torch.zeros_like(targets).scatter_(1, label[:, None], 1.0)


def consistency_loss(
    weak_logits: Tensor,
    strong_logits: Tensor,
    temperature: float = 1.0,
    threshold: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Compute L_c = CE(T(x_FR), T(Aug(x_FR))), Eq. 4.

    Args:
        weak_logits: Teacher's logits of the weak view, the target, (N, C).
        strong_logits: Teacher's logits of the strong view, (N, C).
        temperature: Softmax temperature of the target; below 1 sharpens it
            (UDA).
        threshold: Faces whose weak view is less confident do not count (UDA).

    Returns:
        The loss, a mean over all N faces, and the fraction of faces that
        count.
    """
    weak_logits = weak_logits.detach()  # the target gets no gradient
    target = (weak_logits / temperature).softmax(dim=1)
    confident = weak_logits.softmax(dim=1).amax(dim=1) >= threshold
    loss = masked_cross_entropy(strong_logits, target, confident)
    return loss, confident.float().mean()


def masked_cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor
) -> Tensor:
    """Compute the mean cross-entropy of faces, each with a weight.

    Args:
        logits: Logits, (M, C).
        targets: Distributions, (M, C).
        weights: Weights, (M,), such as which faces are confident. The mean is
            over all faces, whatever their weights.
    """
    loss = F.cross_entropy(logits, targets, reduction='none')
    return (loss * weights).mean()


def describe_pseudo_labels(
    logits: Tensor,
    targets: Tensor,
    truth: Tensor,
    classes: Sequence[str],
    confident: Tensor | None = None,
) -> dict[str, Tensor]:
    """Compute means over the faces that describe the pseudo-labels in a log.

    Args:
        logits: Teacher's logits, (N, C).
        targets: Pseudo-labels, (N, C).
        truth: True classes, (N,), -1 where unknown.
        classes: Names of the C classes.
        confident: Which faces are learned from, bool (N,); ``None`` for all.

    Returns:
        Scalars under ``pseudo_label/``, all but the first fractions of all
        faces:

        - ``confidence``: mean probability of the most likely class.
        - ``fraction_NAME``: faces whose pseudo-label is this class.
        - ``known``, ``hits``: faces with a known true class, and faces whose
          pseudo-label is correct.
        - ``known_NAME``, ``hits_NAME``: the same for one true class; their
          ratio is its recall.
        - ``confident``, ``confident_known``, ``confident_hits``, only with
          the argument ``confident``: faces that are confident, and also
          known, or correct; the ratio of the last two is the accuracy of the
          confident pseudo-labels.
    """
    probs = logits.detach().softmax(dim=1)
    outputs = {'pseudo_label/confidence': probs.amax(dim=1).mean()}
    for name, fraction in zip(classes, targets.mean(dim=0)):
        outputs[f'pseudo_label/fraction_{name}'] = fraction
    known = truth != IGNORE_LABEL
    hits = targets.argmax(dim=1) == truth
    masks = dict(known=known, hits=hits)
    if confident is not None:
        masks['confident'] = confident
        masks['confident_known'] = confident & known
        masks['confident_hits'] = confident & hits
    for name, mask in masks.items():
        outputs[f'pseudo_label/{name}'] = mask.float().mean()
    indices = torch.arange(len(classes), device=truth.device)
    is_of_class = (truth[:, None] == indices).float()  # (N, C)
    for prefix, means in (
        ('known', is_of_class.mean(dim=0)),
        ('hits', (is_of_class * hits[:, None]).mean(dim=0)),
    ):
        for name, fraction in zip(classes, means):
            outputs[f'pseudo_label/{prefix}_{name}'] = fraction
    return outputs
