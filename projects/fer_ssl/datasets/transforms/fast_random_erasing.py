from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FastRandomErasing(BaseTransform):
    """mmpretrain's ``RandomErasing`` with a constant color.

    The same seed gives the same image. Changes ``img``, uint8 (H, W, 3), in
    place.

    Args:
        kwargs: Arguments of ``RandomErasing``, except ``mode`` and
            ``fill_std``.
    """

    def __init__(self, **kwargs) -> None:
        self.slow = TRANSFORMS.build(
            dict(type='mmpretrain.RandomErasing', mode='const', **kwargs)
        )

    def transform(self, results: dict) -> dict:
        if self.slow.random_disable():
            return results
        img = results['img']
        top, left, height, width = self.slow.random_patch(*img.shape[:2])
        line = np.empty((width, 3), np.uint8)
        line[:] = self.slow.fill_color
        img[top : top + height, left : left + width] = line
        return results

    def __repr__(self) -> str:
        return f'Fast{self.slow!r}'
