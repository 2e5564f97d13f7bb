from __future__ import annotations

from mmengine.registry import MODELS

from .auxiliary_linear_head import AuxiliaryLinearHead


@MODELS.register_module()
class RotationLinearHead(AuxiliaryLinearHead):
    """Linear classifier with a second layer that recognizes rotations.

    The layer predicts by how many quarter turns an image was rotated, see
    :class:`ReMixMatch`.

    Args:
        num_classes: Number C of classes.
        in_channels: Number of features.
        kwargs: Options of mmpretrain's ``LinearClsHead``.
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs) -> None:
        super().__init__(num_classes, in_channels, num_auxiliary=4, **kwargs)
