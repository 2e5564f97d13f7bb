from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class MethodBatch:
    """Labeled and unlabeled faces of one iteration, of one rank.

    Args:
        faces: Labeled faces, (N, C, H, W). If the loop makes several views of
            each face, they follow each other: first that view of all faces,
            then the next.
        labels: Their labels, (N,), or distributions of K classes, (N, K).
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
        warm_start: Fraction of the training in which the network learns the
            labeled faces only. Its iterations are several times faster, and
            pseudo-labels of an untrained network are of no use.
        teacher: Make the pseudo-labels from the predictions of the averaged
            network (see :class:`SemiSupervisedLoop`).
        separate_weak_pass: Compute the logits of the weak views in a pass of
            their own, without gradient. It is faster, since a joint pass goes
            backward through the weak views, too, and BatchNorm normalizes
            them by their own statistics.
    """

    #: Number of weak views that the method needs of each unlabeled face; 0
    #: if it learns from labeled faces only.
    num_weak_views = 1
    #: Views of each labeled face that the method needs, in this order, as in
    #: ``train_cfg.labeled_views``; ``None`` if any will do.
    labeled_views: tuple[str, ...] | None = None

    def __init__(
        self,
        num_classes: int,
        num_labeled: int,
        num_unlabeled: int,
        max_iters: int,
        warm_start: float = 0.0,
        teacher: bool = False,
        separate_weak_pass: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_labeled = num_labeled
        self.num_unlabeled = num_unlabeled
        self.max_iters = max_iters
        self.warm_start_iters = round(warm_start * max_iters)
        self.uses_teacher = teacher
        self.separate_weak_pass = separate_weak_pass

    def check_network(self, network: nn.Module) -> None:
        """Refuse a network that the method cannot train, with ValueError.

        The loop calls it before the training.
        """

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

    def ramp_up(self, iteration: int, ramp: float) -> float:
        """Return how much of a ramp after the warm start is done, 0 to 1.

        Args:
            iteration: The iteration, counted from 0.
            ramp: Length of the ramp as a fraction of the training; 0 for none.
        """
        if not ramp:
            return 1.0
        past = iteration - self.warm_start_iters
        return min(1.0, past / (ramp * self.max_iters))

    def predict_views(
        self, network: Callable, batch: MethodBatch
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the logits of labeled faces, weak and strong views.

        Returns:
            Logits (N, C), (M, C) and (M, C); those of the weak views have no
            gradient.
        """
        if self.uses_teacher:
            labeled, strong = predict(network, batch.faces, batch.strong)
            return labeled, batch.teacher_logits, strong
        if not self.separate_weak_pass:
            labeled, weak, strong = predict(
                network, batch.faces, batch.weak[0], batch.strong
            )
            return labeled, weak.detach(), strong
        with torch.no_grad():
            (weak,) = predict(network, batch.weak[0])
        labeled, strong = predict(network, batch.faces, batch.strong)
        return labeled, weak, strong


def supervised_result(network: Callable, batch: MethodBatch) -> MethodResult:
    """Compute the cross-entropy of the labeled faces."""
    (logits,) = predict(network, batch.faces)
    loss = F.cross_entropy(logits, batch.labels)
    return MethodResult(dict(loss_supervised=loss))


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
