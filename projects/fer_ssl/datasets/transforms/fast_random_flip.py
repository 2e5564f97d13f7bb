from __future__ import annotations

import cv2
from mmcv.transforms import RandomFlip
from mmengine.registry import TRANSFORMS

_AXES = dict(horizontal=1, vertical=0, diagonal=-1)


@TRANSFORMS.register_module()
class FastRandomFlip(RandomFlip):
    """mmcv's ``RandomFlip``, but with a contiguous image as the result.

    mmcv returns a view with negative strides, which every later operation of
    OpenCV copies, slowly. The same seed gives the same image.
    """

    def _flip(self, results: dict) -> None:
        img = results['img']
        super()._flip(results)
        results['img'] = cv2.flip(img, _AXES[results['flip_direction']])
