from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FastRandomCrop(BaseTransform):
    """mmpretrain's ``RandomCrop`` without padding, as a view of the image.

    The same seed gives the same crop. Changes ``img`` and ``img_shape``.

    Args:
        crop_size: Height and width, or one number for both, in pixels.
    """

    def __init__(self, crop_size: int | tuple[int, int]) -> None:
        self.slow = TRANSFORMS.build(
            dict(type='mmpretrain.RandomCrop', crop_size=crop_size)
        )

    def transform(self, results: dict) -> dict:
        top, left, height, width = self.slow.rand_crop_params(results['img'])
        img = results['img'][top : top + height, left : left + width]
        results['img'] = img
        results['img_shape'] = img.shape
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.slow.crop_size})'
