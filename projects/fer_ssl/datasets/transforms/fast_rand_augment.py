from __future__ import annotations

from math import ceil
from typing import Callable

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from .pixel_operations import (
    auto_contrast,
    equalize,
    posterize,
    scale_brightness,
    scale_contrast,
    scale_saturation,
    sharpen,
    shear,
    solarize,
    translate,
)


def _translate(img: np.ndarray, fraction: float, policy) -> np.ndarray:
    is_flat = policy.direction == 'horizontal'
    offset = fraction * img.shape[1 if is_flat else 0]
    return translate(img, offset, policy.direction, policy.pad_val)


#: (image, policy) -> image
_PLAIN: dict[str, Callable] = {
    'AutoContrast': lambda img, policy: auto_contrast(img),
    'Equalize': lambda img, policy: equalize(img),
}
#: (image, magnitude, policy) -> image
_UNSIGNED: dict[str, Callable] = {
    'Posterize': lambda img, x, policy: posterize(img, ceil(x)),
    'Solarize': lambda img, x, policy: solarize(img, x),
}
_SIGNED: dict[str, Callable] = {
    'Brightness': lambda img, x, policy: scale_brightness(img, 1 + x),
    'Contrast': lambda img, x, policy: scale_contrast(img, 1 + x),
    'ColorTransform': lambda img, x, policy: scale_saturation(img, 1 + x),
    'Sharpness': lambda img, x, policy: sharpen(img, 1 + x),
    'Shear': lambda img, x, policy: shear(
        img, x, policy.direction, policy.pad_val
    ),
    'Translate': _translate,
}


@TRANSFORMS.register_module()
class FastRandAugment(BaseTransform):
    """mmpretrain's ``RandAugment`` with faster operations.

    It draws the same random numbers, so the same seed gives the same images up
    to rounding. Operations without a faster version are those of mmpretrain.

    Changes ``img``, BGR uint8 (H, W, 3).

    Args:
        kwargs: Arguments of ``RandAugment``. A policy with a magnitude must
            have a ``magnitude_range``, and ``Translate`` moves by whole
            pixels.
    """

    def __init__(self, **kwargs) -> None:
        self.slow = TRANSFORMS.build(
            dict(type='mmpretrain.RandAugment', **kwargs)
        )

    def transform(self, results: dict) -> dict:
        for index in self.slow.random_policy_indices():
            policy = self.slow.transforms[index]
            name = type(policy).__name__
            if name in _PLAIN:
                if not policy.random_disable():
                    results['img'] = _PLAIN[name](results['img'], policy)
            elif name in _UNSIGNED:
                if not policy.random_disable():
                    value = policy.random_magnitude()
                    results['img'] = _UNSIGNED[name](
                        results['img'], value, policy
                    )
            elif name in _SIGNED:
                if not policy.random_disable():
                    value = policy.random_negative(policy.random_magnitude())
                    results['img'] = _SIGNED[name](
                        results['img'], value, policy
                    )
            else:
                results = policy(results)
        return results

    def __repr__(self) -> str:
        return f'Fast{self.slow!r}'
