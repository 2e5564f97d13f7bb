from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class MethodBatch:
    """Labeled and unlabeled faces of one iteration, of one rank.

    Args:
        faces: Labeled faces, (N, 3, H, W).
        labels: Their labels, (N,).
        weak: Weak views of the unlabeled faces, each (M, 3, H, W).
        strong: Strong view of them, (M, 3, H, W).
        indices: Indices of these faces in the unlabeled data set, (M,).
    """

    faces: Tensor
    labels: Tensor
    weak: list[Tensor]
    strong: Tensor
    indices: Tensor


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
    logits: Tensor
    targets: Tensor
    confident: Tensor


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

    #: Number of weak views that the method needs of each unlabeled face.
    num_weak_views = 1

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
