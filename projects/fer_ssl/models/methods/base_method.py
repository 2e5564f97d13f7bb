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
        indices: Numbers of them in the unlabeled data set, (M,).
    """

    faces: Tensor
    labels: Tensor
    weak: list[Tensor]
    strong: Tensor
    indices: Tensor


@dataclass
class MethodResult:
    """What a method makes of a batch.

    Args:
        losses: Scalars to be summed, by their name in the log.
        logits: Of the weak view, (M, C), without gradient.
        targets: Pseudo-labels, (M, C), each row a distribution.
        confident: Which of them are learned from, (M,) bool.
    """

    losses: dict[str, Tensor]
    logits: Tensor
    targets: Tensor
    confident: Tensor


class BaseMethod(nn.Module, metaclass=ABCMeta):
    """A semi-supervised method for one network.

    What a method remembers from one iteration to the next it registers as
    buffers: :class:`SemiSupervisedLoop` saves them with the checkpoint. They
    must be the same on every rank: reduce or gather what enters them.

    Args:
        num_classes: C.
        num_labeled: Size of the labeled data set.
        num_unlabeled: Size of the unlabeled data set.
        max_iters: Iterations of the training. Schedules are given as shares
            of it. These four come from the loop.
    """

    #: Weak views of each unlabeled face that the method needs.
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
        """Losses of one iteration.

        Args:
            network: mmpretrain classifier, perhaps wrapped for DDP: pass all
                faces through it once.
            batch: Faces of this rank.
            iteration: Counted from 0.
        """


def predict(network: Callable, *faces: Tensor) -> tuple[Tensor, ...]:
    """Logits of several sets of faces, in one pass, in float32.

    One pass is one set of statistics for BatchNorm and one reduction by DDP.

    Args:
        network: mmpretrain classifier.
        faces: Each (N_i, 3, H, W).

    Returns:
        Each (N_i, C).
    """
    logits = network(torch.cat(faces), mode='tensor').float()
    return logits.split([len(x) for x in faces])
