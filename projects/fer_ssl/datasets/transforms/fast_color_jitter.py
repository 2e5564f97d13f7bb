from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmengine.registry import TRANSFORMS

from .pixel_operations import (
    scale_brightness,
    scale_contrast,
    scale_saturation,
)


@TRANSFORMS.register_module()
class FastColorJitter(BaseTransform):
    """Change brightness, contrast and saturation, in random order.

    It equals mmpretrain's ``ColorJitter`` without hue, up to rounding, but
    does not convert to PIL and back.

    Changes ``img``, BGR uint8 (H, W, 3).

    Args:
        brightness: The factor is uniform in ``[1 - x, 1 + x]``.
        contrast: Likewise.
        saturation: Likewise.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
    ) -> None:
        for name, value in (
            ('brightness', brightness),
            ('contrast', contrast),
            ('saturation', saturation),
        ):
            if not 0 <= value <= 1:
                raise ValueError(
                    f'FastColorJitter: {name}={value} is not in [0, 1].'
                )
        self.ranges = (brightness, contrast, saturation)

    @cache_randomness
    def random_steps(self) -> list[tuple[int, float]]:
        """Draw the steps and their factors, in the order to apply them."""
        factors = [1 + x * np.random.uniform(-1, 1) for x in self.ranges]
        order = np.random.permutation(len(factors)).tolist()
        return [(i, factors[i]) for i in order if self.ranges[i]]

    def transform(self, results: dict) -> dict:
        steps = (scale_brightness, scale_contrast, scale_saturation)
        for number, factor in self.random_steps():
            results['img'] = steps[number](results['img'], factor)
        return results

    def __repr__(self) -> str:
        names = ('brightness', 'contrast', 'saturation')
        values = ', '.join(f'{n}={x}' for n, x in zip(names, self.ranges))
        return f'{type(self).__name__}({values})'
