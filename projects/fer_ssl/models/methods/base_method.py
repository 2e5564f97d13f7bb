from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from ..losses.known_class_cross_entropy import known_class_cross_entropy


@dataclass
class MethodBatch:
    """Labeled and unlabeled faces of one iteration, of one rank.

    Args:
        faces: Labeled faces, (N, C, H, W). If the loop makes several views of
            each face, they follow each other: first that view of all faces,
            then the next.
        labels: Their labels, (N,), or distributions of K classes, (N, K). In
            :class:`Supervised`, negative numbers mark classes that the data
            set of a face does not have.
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
        logits: Logits from which the pseudo-labels are made, (M, C), without
            gradient.
        targets: Pseudo-labels, (M, C), each row a distribution.
        confident: Which faces are learned from, bool (M,); ``None`` for all.
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
    passes the first four arguments.

    Args:
        num_classes: Number C of classes.
        num_labeled: Number of labeled views in one pass over the labeled data
            set: its size times the number of labeled views of each face.
        num_unlabeled: Size of the unlabeled data set.
        max_iters: Number of iterations of the training. Schedules are given
            as fractions of it.
        warm_start: Fraction of the training, not a number of iterations, in
            which the network is trained on the labeled faces only. Their
            passes are several times faster, and the pseudo-labels of an
            untrained network are of no use.
        teacher: Make the pseudo-labels from the predictions of the averaged
            network, which an ``EMAHook`` of the run provides.
        separate_weak_pass: Compute the logits of the weak views in a pass of
            their own, without gradient. It is faster, since a joint pass goes
            backward through the weak views, too. BatchNorm normalizes the
            views of each pass by their own statistics, and its running
            statistics count both passes.

    Raises:
        ValueError: An option is out of range, or the method cannot use it.
    """

    #: Number of weak views that the method needs of each unlabeled face; 0
    #: if it learns from labeled faces only.
    num_weak_views = 1
    #: Views of each labeled face that the method needs, in this order, as in
    #: ``train_cfg.labeled_views``; ``None`` if any will do.
    labeled_views: tuple[str, ...] | None = None
    #: Whether the weak views serve only to make pseudo-labels, so that another
    #: pass or another network can predict them.
    weak_views_only_label = True

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
        name = type(self).__name__
        if not 0 <= warm_start < 1:
            raise ValueError(
                f'{name}: warm_start={warm_start} must be a fraction of the '
                'training, at least 0 and below 1.'
            )
        if (teacher or separate_weak_pass) and not self.weak_views_only_label:
            raise ValueError(
                f'{name} cannot use teacher or separate_weak_pass: remove '
                'them.'
            )
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
            network: mmpretrain classifier, perhaps wrapped for DDP.
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
        if self.uses_teacher or self.separate_weak_pass:
            weak = self.predict_weak(network, batch)
            labeled, strong = predict(network, batch.faces, batch.strong)
            return labeled, weak, strong
        labeled, weak, strong = predict(
            network, batch.faces, batch.weak[0], batch.strong
        )
        return labeled, weak.detach(), strong

    def predict_weak(self, network: Callable, batch: MethodBatch) -> Tensor:
        """Compute the logits (M, C) of the weak view, without gradient.

        They are those of the teacher or of a pass of their own.
        """
        if self.uses_teacher:
            return batch.teacher_logits
        with torch.no_grad():
            (weak,) = predict(network, batch.weak[0])
        # Before PyTorch 2.10, the next pass would use the weights that
        # autocast has cast in this one, and they would get no gradient.
        torch.clear_autocast_cache()
        return weak


def supervised_result(network: Callable, batch: MethodBatch) -> MethodResult:
    """Compute the cross-entropy of the labeled faces."""
    (logits,) = predict(network, batch.faces)
    loss = known_class_cross_entropy(logits, batch.labels)
    return MethodResult(dict(loss_supervised=loss))


def mean_over_faces(values: Tensor) -> Tensor:
    """Compute the mean of values (M, ...) over the faces of all ranks."""
    mean = values.mean(dim=0)
    all_reduce(mean, op='mean')
    return mean


def predict(network: Callable, *faces: Tensor) -> tuple[Tensor, ...]:
    """Compute the logits of several sets of faces in one pass, in float32.

    With one pass BatchNorm uses the statistics of all sets together, and DDP
    reduces the gradients once.

    Args:
        network: mmpretrain classifier.
        faces: Sets of faces, each (N_i, ...).

    Returns:
        Logits of each set, (N_i, C).
    """
    logits = network(torch.cat(faces), mode='tensor').float()
    return logits.split([len(x) for x in faces])
