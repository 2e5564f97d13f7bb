from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..unwrapped import unwrapped
from .prior_linear_head import PriorLinearHead


@MODELS.register_module()
class AuxiliaryLinearHead(PriorLinearHead):
    """Linear classifier with a second linear layer for the training.

    The layer belongs to the network, so it is in the optimizer, in the
    checkpoints and in the averaged weights. A method asks for its logits::

        with head.auxiliary_logits():
            logits = network(faces, mode='tensor')  # (N, C + A)

    Otherwise, the head gives the C logits of the classes only, so nothing but
    the method has to know of the layer.

    Args:
        num_classes: Number C of classes.
        in_channels: Number of features.
        num_auxiliary: Number A of logits of the second layer.
        kwargs: Options of mmpretrain's ``LinearClsHead``.
    """

    def __init__(
        self, num_classes: int, in_channels: int, num_auxiliary: int, **kwargs
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.auxiliary_fc = nn.Linear(in_channels, num_auxiliary)
        self._gives_auxiliary = False

    @contextmanager
    def auxiliary_logits(self) -> Iterator[None]:
        """Append the logits of the second layer to those of the classes."""
        self._gives_auxiliary = True
        try:
            yield
        finally:
            self._gives_auxiliary = False

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Compute logits (N, C) or (N, C + A) of the features (N, D)."""
        logits = super().forward(feats)
        auxiliary = self.auxiliary_fc(self.pre_logits(feats))
        both = torch.cat([logits, auxiliary], dim=1)
        # A part of both, since DDP requires a gradient of every weight, also
        # in the iterations that do not use the second layer.
        return both if self._gives_auxiliary else both[:, : logits.shape[1]]


def auxiliary_head(
    network: nn.Module, num_auxiliary: int, method: str
) -> AuxiliaryLinearHead:
    """Return the head of a network, perhaps wrapped for DDP.

    Args:
        network: mmpretrain classifier.
        num_auxiliary: Number of logits of its second layer.
        method: Name of the method, for the message.

    Raises:
        ValueError: The network has another head.
    """
    head = getattr(unwrapped(network), 'head', None)
    found = type(head).__name__
    if isinstance(head, AuxiliaryLinearHead):
        if head.auxiliary_fc.out_features == num_auxiliary:
            return head
        found += f' with num_auxiliary={head.auxiliary_fc.out_features}'
    raise ValueError(
        f"{method} needs model.head=dict(type='AuxiliaryLinearHead', "
        f'num_auxiliary={num_auxiliary}), found {found}.'
    )
