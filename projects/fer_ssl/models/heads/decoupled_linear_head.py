from __future__ import annotations

from mmengine.registry import MODELS

from .auxiliary_linear_head import AuxiliaryLinearHead


@MODELS.register_module()
class DecoupledLinearHead(AuxiliaryLinearHead):
    """Two linear classifiers, of which only the first one predicts.

    The second one learns pseudo-labels, see :class:`DecoupledStudent`.

    Args:
        num_classes: Number C of classes of both.
        in_channels: Number of features.
        kwargs: Options of mmpretrain's ``LinearClsHead``.
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs) -> None:
        super().__init__(
            num_classes, in_channels, num_auxiliary=num_classes, **kwargs
        )
