from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from .prior_linear_head import PriorLinearHead


class AuxiliaryLinearHead(PriorLinearHead):
    """Base class of heads with a second linear layer for the training.

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
        is_learning = self.training and torch.is_grad_enabled()
        if not self._gives_auxiliary and not is_learning:
            return logits
        auxiliary = self.auxiliary_fc(self.pre_logits(feats))
        if self._gives_auxiliary:
            return torch.cat([logits, auxiliary], dim=1)
        # DDP requires a gradient of every weight, also in the iterations that
        # do not use the second layer.
        return logits + 0.0 * auxiliary.sum()


def auxiliary_head(
    network: nn.Module, kind: type[AuxiliaryLinearHead], method: str
) -> AuxiliaryLinearHead:
    """Return the head of a network, perhaps wrapped for DDP.

    Args:
        network: mmpretrain classifier.
        kind: Class of the head that the method needs.
        method: Name of the method, for the message.

    Raises:
        ValueError: The network has another head.
    """
    network = network.module if is_model_wrapper(network) else network
    head = getattr(network, 'head', None)
    if not isinstance(head, kind):
        raise ValueError(
            f'{method} needs a network with model.head.type='
            f"'{kind.__name__}', found {type(head).__name__}."
        )
    return head
