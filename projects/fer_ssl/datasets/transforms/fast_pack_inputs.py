from __future__ import annotations

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from .pixel_operations import to_planes


@TRANSFORMS.register_module()
class FastPackInputs(BaseTransform):
    """mmpretrain's ``PackInputs`` with a faster conversion to (C, H, W).

    Args:
        kwargs: Arguments of ``PackInputs``, except ``input_key``.
    """

    def __init__(self, **kwargs) -> None:
        self.slow = TRANSFORMS.build(
            dict(type='mmpretrain.PackInputs', **kwargs)
        )

    def transform(self, results: dict) -> dict:
        results['img'] = _tensors(results['img'])
        return self.slow(results)

    def __repr__(self) -> str:
        return f'Fast{self.slow!r}'


def _tensors(img: np.ndarray | list) -> torch.Tensor | list:
    """Convert uint8 (H, W, C), or each view, to (C, H, W)."""
    if isinstance(img, list):
        return [_tensors(view) for view in img]
    return torch.from_numpy(to_planes(img))
