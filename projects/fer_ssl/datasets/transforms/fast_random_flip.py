from __future__ import annotations

import cv2
from mmcv.transforms import RandomFlip
from mmengine.registry import TRANSFORMS

_AXES = dict(horizontal=1, vertical=0, diagonal=-1)


@TRANSFORMS.register_module()
class FastRandomFlip(RandomFlip):
    """``RandomFlip`` of mmcv whose image lies in one piece afterwards.

    mmcv's is a view with negative steps, of which every later operation of
    OpenCV makes a copy of its own, slowly. From the same seed the image is
    the same.
    """

    def _flip(self, results: dict) -> None:
        img = results['img']
        super()._flip(results)
        results['img'] = cv2.flip(img, _AXES[results['flip_direction']])
