from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class TeacherLogits(NamedTuple):
    """Logits of the teacher's one pass over all faces of a batch.

    Args:
        labeled: Logits of the labeled faces, (N, C).
        weak: Logits of the weak view of the unlabeled faces, (M, C).
        strong: Logits of their strong view, (M, C).
    """

    labeled: Tensor
    weak: Tensor
    strong: Tensor


@dataclass
class MetaBatch:
    """Faces of one iteration, or of one of its micro-batches.

    Args:
        faces: Labeled faces, (N, 3, H, W).
        labels: Labels of the labeled faces, (N,), or distributions, (N, C).
        weak: Weak view of the unlabeled faces, (M, 3, H, W).
        strong: Strong view of the unlabeled faces, (M, 3, H, W).
        view: The view that the student learns from, ``weak`` or ``strong``.
        truth: True labels of the unlabeled faces, (M,), -1 where unknown.
        uniform: Random numbers in [0, 1), (M,), from which pseudo-labels are
            sampled.
        noise: Random numbers in [0, 1), (M, 2), from which label noise is
            drawn.
        logits: The teacher's logits, set in step 1.
        targets: The student's targets, (M, C), set in step 1.
        bias: Logit adjustment, added to the student's logits in Eq. 1; (C,),
            or 0 without adjustment.
    """

    faces: Tensor
    labels: Tensor
    weak: Tensor
    strong: Tensor
    view: Tensor
    truth: Tensor
    uniform: Tensor
    noise: Tensor | None = None
    logits: TeacherLogits | None = None
    targets: Tensor | None = None
    bias: Tensor | float = 0.0
