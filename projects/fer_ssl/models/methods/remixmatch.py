from __future__ import annotations

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.registry import TASK_UTILS
from torch import Tensor, nn
from torch.distributions import Beta

from ..heads.auxiliary_linear_head import auxiliary_head
from .base_method import BaseMethod, MethodBatch, MethodResult, predict


@TASK_UTILS.register_module()
class ReMixMatch(BaseMethod):
    """ReMixMatch (Berthelot et al., ICLR 2020, arXiv 1911.09785).

    Every view of an unlabeled face learns the same soft label: the prediction
    q of its weak view, without gradient (augmentation anchoring), aligned with
    the class prior of the labeled faces and sharpened::

        q <- normalize(q * p(y) / p~(y))
        q <- normalize(q^(1 / temperature))

    p(y) and p~(y) are the means of the labels and of the predictions q before
    the alignment, over the last 128 iterations. The alignment assumes that the
    unlabeled faces have the class prior of the labeled ones. Labeled faces,
    strong views and weak views are then mixed with each other (MixUp): each
    with a random one of them all, whose fraction is at most 1/2::

        b ~ Beta(alpha, alpha),  l = max(b, 1 - b)
        x' = l * x_1 + (1 - l) * x_2,  y' = l * y_1 + (1 - l) * y_2

    The loss has a term for the mixed labeled faces, one for the 2M mixed
    unlabeled views, one for the strong views as they are, and one for the
    rotation of the strong views by r quarter turns::

        L = CE(y', p(x')) + ramp * (weight * CE(q', p(u'))
            + strong_weight * CE(q, p_s)) + rotation_weight * CE(r, p_r)

    A second linear layer of the network predicts the rotation: the network
    needs ``head=dict(type='AuxiliaryLinearHead', num_auxiliary=4)``. The weak
    views always have
    a pass of their own, since the faces cannot be mixed before it. The paper
    learns the strong view of the labeled faces: give the loop
    ``labeled_views=('strong',)``.

    Args:
        weight: Factor of the loss of the mixed unlabeled faces, lambda_U.
        strong_weight: Factor of the loss of the strong view, lambda_U1.
        rotation_weight: Factor of the rotation loss, lambda_r; with 0, the
            network may have any head.
        temperature: T of the sharpening.
        alignment: Align the labels with the prior of the labeled faces.
        alpha: Parameter of the Beta distribution; 0 mixes no faces.
        ramp: Fraction of the training, after the warm start, over which
            lambda_U and lambda_U1 grow from 0.
        kwargs: Options of :class:`BaseMethod`.

    Raises:
        ValueError: The network has another head, or the faces are not square.
    """

    def __init__(
        self,
        weight: float = 1.5,
        strong_weight: float = 0.5,
        rotation_weight: float = 0.5,
        temperature: float = 0.5,
        alignment: bool = True,
        alpha: float = 0.75,
        ramp: float = 1 / 64,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.weight = weight
        self.strong_weight = strong_weight
        self.rotation_weight = rotation_weight
        self.temperature = temperature
        self.alignment = alignment
        self.alpha = alpha
        self.ramp = ramp
        # Mean labels and mean predictions of the last iterations.
        uniform = torch.full((2, 128, self.num_classes), 1 / self.num_classes)
        self.register_buffer('history', uniform)

    def check_network(self, network: nn.Module) -> None:
        self._auxiliary_logits(network)

    def loss(self, network, batch: MethodBatch, iteration: int):
        labels = batch.labels
        if labels.dim() == 1:
            # Not F.one_hot, for which the CPU would wait for the GPU.
            labels = torch.eye(self.num_classes, device=labels.device)[labels]
        probs = self.predict_weak(network, batch).softmax(dim=1)
        if self.alignment:
            probs = self.align(probs, labels)
        targets = sharpen(probs, self.temperature)
        faces, mixed_targets = mix_up(
            torch.cat([batch.faces, batch.strong, batch.weak[0]]),
            torch.cat([labels, targets, targets]),
            self.alpha,
        )
        sets = [faces, batch.strong]
        if self.rotation_weight:
            # Random enough, since the batches are, and the same whatever the
            # number of ranks.
            turns = (batch.indices + iteration) % 4
            sets.append(rotate(batch.strong, turns))
        with self._auxiliary_logits(network):
            logits, strong, *rotated = predict(network, *sets)
        count, classes = len(labels), slice(self.num_classes)
        ramp = self.ramp_up(iteration, self.ramp)
        losses = dict(
            loss_supervised=F.cross_entropy(
                logits[:count, classes], mixed_targets[:count]
            ),
            loss_unsupervised=ramp
            * self.weight
            * F.cross_entropy(logits[count:, classes], mixed_targets[count:]),
            loss_strong=ramp
            * self.strong_weight
            * F.cross_entropy(strong[:, classes], targets),
        )
        if self.rotation_weight:
            loss = F.cross_entropy(rotated[0][:, self.num_classes :], turns)
            losses['loss_rotation'] = self.rotation_weight * loss
        return MethodResult(losses, probs.log(), targets)

    def align(self, probs: Tensor, labels: Tensor) -> Tensor:
        """Align probabilities with the prior, then learn both marginals.

        Args:
            probs: Probabilities of the weak views, (M, C).
            labels: Labels of the labeled faces, one-hot, (N, C).

        Returns:
            Aligned probabilities, (M, C).
        """
        # The small constant is that of the authors' code.
        prior, predicted = self.history.mean(dim=1) + 1e-6
        means = torch.stack([labels.mean(dim=0), probs.mean(dim=0)])
        all_reduce(means, op='mean')
        self.history.copy_(
            torch.cat([self.history[:, 1:], means[:, None]], dim=1)
        )
        aligned = probs * prior / predicted
        return aligned / aligned.sum(dim=1, keepdim=True)

    def _auxiliary_logits(self, network: nn.Module):
        if not self.rotation_weight:
            return nullcontext()
        head = auxiliary_head(network, 4, type(self).__name__)
        return head.auxiliary_logits()


def sharpen(probs: Tensor, temperature: float) -> Tensor:
    """Raise probabilities (M, C) to the power 1 / temperature."""
    powers = probs ** (1 / temperature)
    return powers / powers.sum(dim=1, keepdim=True)


def mix_up(
    faces: Tensor, targets: Tensor, alpha: float
) -> tuple[Tensor, Tensor]:
    """Mix each face and its target with those of a random face.

    Args:
        faces: Faces, (K, ...).
        targets: Distributions, (K, C).
        alpha: Parameter of the Beta distribution of the fractions; 0 returns
            the faces as they are.

    Returns:
        Faces and targets of the same shapes; each counts at least half in its
        own mixture.
    """
    if not alpha:
        return faces, targets
    count = len(faces)
    # On the device and without checks, or the CPU would wait for the GPU.
    alphas = torch.full((count,), alpha, device=faces.device)
    own = Beta(alphas, alphas, validate_args=False).sample()
    own = torch.maximum(own, 1 - own)
    order = torch.randperm(count, device=faces.device)
    # lerp(a, b, w) is a + w * (b - a).
    shape = -1, *[1] * (faces.dim() - 1)
    return (
        faces[order].lerp(faces, own.view(shape)),
        targets[order].lerp(targets, own[:, None]),
    )


def rotate(faces: Tensor, turns: Tensor) -> Tensor:
    """Rotate each square face (M, C, H, H) by its number of turns, (M,)."""
    if faces.shape[-1] != faces.shape[-2]:
        raise ValueError(
            'ReMixMatch rotates faces by quarter turns, so they must be '
            f'square, found {tuple(faces.shape[-2:])}: resize them, or set '
            'rotation_weight=0.'
        )
    # Without a read of the turns, for which the CPU would wait for the GPU.
    views = torch.stack([faces.rot90(k, (2, 3)) for k in range(4)])
    return views[turns, torch.arange(len(faces), device=faces.device)]
