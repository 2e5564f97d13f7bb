from __future__ import annotations

import torch
from mmengine.registry import MODELS
from mmpretrain.models import BaseSelfSupervisor, PixelReconstructionLoss
from torch import Tensor, nn


@MODELS.register_module()
class MaskedReconstruction(BaseSelfSupervisor):
    """Masked image modeling for convolutional networks.

    SimMIM (Xie et al., CVPR 2022, arXiv 2111.09886) for backbones without
    tokens: random square patches of an image are set to zero, which is the
    mean of normalized pixels, and the last feature map of the backbone
    reconstructs all pixels by a 1 x 1 convolution and a pixel shuffle. The
    loss is the mean absolute error of the masked pixels. The weights of the
    backbone are then the start of a classifier::

        backbone=dict(init_cfg=dict(
            type='Pretrained', checkpoint='...', prefix='backbone.'))

    Args:
        backbone: Config of a backbone whose last output is (N, D, H/s, W/s).
        in_channels: Number D of channels of that output.
        stride: Its stride s.
        image_channels: Number of channels of an image.
        patch_size: Side of a patch in pixels.
        mask_ratio: Probability that a patch is masked.
        kwargs: Options of mmpretrain's ``BaseSelfSupervisor``.

    Raises:
        ValueError: The image is not a whole number of patches.
    """

    def __init__(
        self,
        backbone: dict,
        in_channels: int,
        stride: int,
        image_channels: int = 3,
        patch_size: int = 8,
        mask_ratio: float = 0.5,
        **kwargs,
    ) -> None:
        super().__init__(backbone, **kwargs)
        self.patch_size = patch_size
        self.mask_ratio = mask_ratio
        self.decoder = nn.Sequential(
            nn.Conv2d(in_channels, image_channels * stride**2, 1),
            nn.PixelShuffle(stride),
        )
        self.reconstruction_loss = PixelReconstructionLoss(
            'L1', image_channels
        )

    def loss(self, inputs: Tensor, data_samples=None, **kwargs) -> dict:
        """Compute the loss of normalized images, (N, C, H, W)."""
        mask = self.draw_mask(inputs)
        features = self.backbone(inputs * (1 - mask))[-1]
        images = self.decoder(features).float()
        return dict(loss=self.reconstruction_loss(images, inputs, mask))

    def draw_mask(self, images: Tensor) -> Tensor:
        """Draw a mask of each image, (N, 1, H, W): 1 in masked patches."""
        size = self.patch_size
        height, width = images.shape[-2:]
        if height % size or width % size:
            raise ValueError(
                f'MaskedReconstruction: images of {height} x {width} pixels '
                f'are not a whole number of patches: set patch_size={size} to '
                'a divisor of both.'
            )
        shape = len(images), 1, height // size, width // size
        mask = torch.rand(shape, device=images.device) < self.mask_ratio
        return (
            mask.to(images)
            .repeat_interleave(size, 2)
            .repeat_interleave(size, 3)
        )
