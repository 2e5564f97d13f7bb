from __future__ import annotations

from mmcv.transforms import BaseTransform, Compose
from mmengine.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FastMultiView(BaseTransform):
    """``MultiView`` of mmpretrain, which copies the image and nothing else.

    The image is read and decoded once, before. Its views go into ``img``, a
    list. The other entries of a sample are shared by the views: a transform
    may replace them, but not change them in place.

    Args:
        transforms: Pipeline of each kind of view.
        num_views: Views of each kind.
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
