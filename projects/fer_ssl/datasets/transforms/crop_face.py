from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS


class FaceOutsideImageError(ValueError):
    """Raised if the box of a face does not overlap its image."""


@TRANSFORMS.register_module()
class CropFace(BaseTransform):
    """Crop the face from the image, for data sets that give boxes.

    Needs ``img`` (H, W[, C]) and ``box`` (left, top, right, bottom; the last
    two exclusive). Changes ``img``, ``img_shape`` and ``ori_shape``, and
    removes ``box``, which is first clipped to the image.

    Args:
        margin: Added to each side of the box, as a fraction of its width (left
            and right) or height (top and bottom). A negative margin shrinks
            it.
        required: Whether a sample without a box is an error. Otherwise the
            whole image is kept.

    Raises:
        KeyError: The sample has no box, and it is required.
        FaceOutsideImageError: The box does not overlap the image.

    Example:
        >>> pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='CropFace', margin=0.1),
        ...     dict(type='Resize', scale=(256, 256)),
        ... ]
    """

    def __init__(self, margin: float = 0.0, required: bool = True) -> None:
        if margin <= -0.5:
            raise ValueError(f'CropFace: margin={margin} leaves no face.')
        self.margin = margin
        self.required = required

    def transform(self, results: dict) -> dict:
        path = results.get('img_path', 'sample')
        if 'box' not in results:
            if not self.required:
                return results
            raise KeyError(
                f'{path}: no `box`. Use CropFace only with a data set that '
                'gives boxes, and only once in a pipeline.'
            )
        img = results['img']
        height, width = img.shape[:2]
        box = results.pop('box')
        left, right = max(box[0], 0), min(box[2], width)
        top, bottom = max(box[1], 0), min(box[3], height)
        x = self.margin * (right - left)
        y = self.margin * (bottom - top)
        left, right = round(max(left - x, 0)), round(right + x)
        top, bottom = round(max(top - y, 0)), round(bottom + y)
        img = img[top : max(bottom, 0), left : max(right, 0)]
        if not img.size:
            raise FaceOutsideImageError(
                f'{path}: nothing of the face {tuple(box)} (left, top, '
                f'right, bottom) lies in the image of {width} x {height}.'
            )
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(margin={self.margin}, '
            f'required={self.required})'
        )
