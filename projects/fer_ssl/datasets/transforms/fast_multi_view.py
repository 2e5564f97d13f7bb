from __future__ import annotations

from mmcv.transforms import BaseTransform, Compose
from mmengine.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FastMultiView(BaseTransform):
    """mmpretrain's ``MultiView``, but copying only the image for each view.

    The image is read and decoded once, before this transform. ``img`` becomes
    a list of views. The views share the other entries of a sample: a transform
    may replace them, but must not change them in place.

    Args:
        transforms: Pipeline of each type of view.
        num_views: Number of views of each type.
    """

    def __init__(
        self, transforms: list[list[dict]], num_views: list[int]
    ) -> None:
        self.transforms = []
        for steps, count in zip(transforms, num_views):
            self.transforms += [Compose(steps)] * count

    def transform(self, results: dict) -> dict:
        img = results['img']
        results['img'] = [
            view(dict(results, img=img.copy()))['img']
            for view in self.transforms
        ]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms})'
