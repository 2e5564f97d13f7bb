from __future__ import annotations

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
    """Brightness, contrast and saturation at random, in random order.

    ``ColorJitter`` of mmpretrain without hue and without its conversions to
    PIL and back. It draws the same random numbers, so that from the same seed
    the images are the same up to rounding.

    Changes ``img``, BGR uint8 (H, W, 3).

    Args:
        brightness: The factor is uniform in ``[1 - x, 1 + x]``.
        contrast: As brightness.
        saturation: As brightness.
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
        self.slow = TRANSFORMS.build(
            dict(
                type='mmpretrain.ColorJitter',
                brightness=brightness,
                contrast=contrast,
                saturation=saturation,
            )
        )

    @cache_randomness
    def random_steps(self) -> list[tuple[int, float]]:
        """Step and factor, in the order in which they are done."""
        order, *factors = self.slow._rand_params()
        return [
            (i, factors[i]) for i in order.tolist() if factors[i] is not None
        ]

    def transform(self, results: dict) -> dict:
        steps = (scale_brightness, scale_contrast, scale_saturation)
        for number, factor in self.random_steps():
            results['img'] = steps[number](results['img'], factor)
        return results

    def __repr__(self) -> str:
        names = ('brightness', 'contrast', 'saturation')
        values = ', '.join(f'{n}={x}' for n, x in zip(names, self.ranges))
        return f'{type(self).__name__}({values})'
