from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class MetaBatch:
    """Faces of one iteration, or of one of its micro-batches.

    Args:
        faces: Labeled faces, (N, 3, H, W).
        labels: Their labels, (N,).
        weak: Weak view of the unlabeled faces, (M, 3, H, W).
        strong: Strong view of them, (M, 3, H, W).
        view: The one of the two that the student learns from.
        truth: True labels of the unlabeled faces, (M,), -1 if unknown.
        uniform: Random numbers in [0, 1), (M,), that decide pseudo-labels.
        logits: Teacher's logits of ``faces``, ``weak`` and ``strong``.
        targets: The student's targets, (M, C).
        bias: What is added to the student's logits in Eq. 1, (C,) or 0.
    """

    faces: Tensor
    labels: Tensor
    weak: Tensor
    strong: Tensor
    view: Tensor
    truth: Tensor
    uniform: Tensor
    logits: tuple[Tensor, Tensor, Tensor] | None = None
    targets: Tensor | None = None
    bias: Tensor | float = 0.0
