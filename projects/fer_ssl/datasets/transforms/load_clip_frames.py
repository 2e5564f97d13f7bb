from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS, DefaultScope

from ..unreadable_images import load_frame


@TRANSFORMS.register_module()
class LoadClipFrames(BaseTransform):
    """Read the frames of a clip, each through the same image pipeline.

    Adds ``imgs``, uint8 (T, 3, H, W); frames without an image ('' in
    ``img_paths``) are black.

    Args:
        transforms: The student's test pipeline before packing, without any
            change: from ``LoadImageFromFile`` to the crop, without randomness.
            Names are looked up in scope ``mmpretrain``, because mmaction2's
            video transforms of the same names do not take single images.

    Raises:
        ValueError: A frame cannot be read. The message names the file.
    """

    def __init__(self, transforms: list[dict]) -> None:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            self.transforms = Compose(transforms)

    def transform(self, results: dict) -> dict:
        frames = [
            load_frame(self.transforms, dict(img_path=path))['img']
            if path
            else None
            for path in results['img_paths']
        ]
        shapes = {frame.shape for frame in frames if frame is not None}
        if len(shapes) != 1:
            raise ValueError(
                f'video {results["video"]!r}: frames of {sorted(shapes)} '
                '(H, W, C) in one clip. Resize or crop to one size.'
            )
        imgs = np.zeros((len(frames), *shapes.pop()), dtype=np.uint8)
        for i, frame in enumerate(frames):
            if frame is not None:
                imgs[i] = frame
        results['imgs'] = np.ascontiguousarray(imgs.transpose(0, 3, 1, 2))
        return results
