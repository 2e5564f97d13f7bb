from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class MethodBatch:
    """Labeled and unlabeled faces of one iteration, of one rank.

    Args:
        faces: Labeled faces, (N, C, H, W). If the loop makes several views of
            each face, they follow each other: first that view of all faces,
            then the next.
        labels: Their labels, (N,).
        weak: Weak views of the unlabeled faces, each (M, C, H, W).
        strong: Strong view of them, (M, C, H, W).
        indices: Indices of these faces in the unlabeled data set, (M,).
        teacher_logits: Logits of the first weak view by the averaged network,
            (M, K) for K classes, for methods that ask for them.
    """

    faces: Tensor
    labels: Tensor
    weak: list[Tensor] = field(default_factory=list)
    strong: Tensor | None = None
    indices: Tensor | None = None
    teacher_logits: Tensor | None = None


@dataclass
class MethodResult:
    """Losses and pseudo-labels that a method computes for a batch.

    Args:
        losses: Scalars to be summed, by their name in the log.
        logits: Logits of the weak view, (M, C), without gradient.
        targets: Pseudo-labels, (M, C), each row a distribution.
        confident: Which faces are learned from, bool (M,).
    """

    losses: dict[str, Tensor]
    logits: Tensor | None = None
    targets: Tensor | None = None
    confident: Tensor | None = None


class BaseMethod(nn.Module, metaclass=ABCMeta):
    """Base class of the semi-supervised methods for one network.

    A method registers its state between iterations as buffers, which
    :class:`SemiSupervisedLoop` saves with the checkpoint. They must be the
    same on every rank: reduce or gather the values that enter them. The loop
    passes all four arguments.

    Args:
        num_classes: Number C of classes.
        num_labeled: Size of the labeled data set.
        num_unlabeled: Size of the unlabeled data set.
        max_iters: Number of iterations of the training. Schedules are given
            as fractions of it.
    """

    #: Number of weak views that the method needs of each unlabeled face; 0
    #: if it learns from labeled faces only.
    num_weak_views = 1
    #: Whether the method needs :attr:`MethodBatch.teacher_logits`.
    uses_teacher = False

    def __init__(
        self,
        num_classes: int,
        num_labeled: int,
        num_unlabeled: int,
        max_iters: int,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_labeled = num_labeled
        self.num_unlabeled = num_unlabeled
        self.max_iters = max_iters

    @abstractmethod
    def loss(
        self, network: nn.Module, batch: MethodBatch, iteration: int
    ) -> MethodResult:
        """Compute the losses of one iteration.

        Args:
            network: mmpretrain classifier, perhaps wrapped for DDP: pass all
                faces through it in one forward pass.
            batch: Faces of this rank.
            iteration: The iteration, counted from 0.
        """


def predict(network: Callable, *faces: Tensor) -> tuple[Tensor, ...]:
    """Compute the logits of several sets of faces in one pass, in float32.

    With one pass BatchNorm uses the statistics of all sets together, and DDP
    reduces the gradients once.

    Args:
        network: mmpretrain classifier.
        faces: Sets of faces, each (N_i, 3, H, W).

    Returns:
        Logits of each set, (N_i, C).
    """
    logits = network(torch.cat(faces), mode='tensor').float()
    return logits.split([len(x) for x in faces])
