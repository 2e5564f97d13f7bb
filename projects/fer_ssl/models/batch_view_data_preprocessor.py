from __future__ import annotations

from collections.abc import Sequence

from mmengine.registry import MODELS
from mmpretrain.models import SelfSupDataPreprocessor
from torch import Tensor

from .batch_view import BatchView


@MODELS.register_module()
class BatchViewDataPreprocessor(SelfSupDataPreprocessor):
    """Makes random views of a batch of images, and normalizes them.

    For self-supervised models of mmpretrain. The loader gives bare images, as
    :class:`CachedFaces` does, and the views are made on the device.

    Args:
        view: Transforms of :class:`BatchView`.
        num_views: Number of views of each image. Of several, the model gets a
            list, as contrastive models need.
        kwargs: Options of ``SelfSupDataPreprocessor``, such as ``mean``.

    Raises:
        ValueError: The loader does not give one tensor per batch.
    """

    def __init__(
        self, view: Sequence[dict], num_views: int = 1, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.view = BatchView(view)
        self.num_views = num_views

    def forward(self, data: dict, training: bool = False) -> dict:
        if not isinstance(data['inputs'], Tensor):
            raise ValueError(
                'BatchViewDataPreprocessor needs one image of each face: set '
                "collate_fn=dict(type='default_collate'), and remove "
                'MultiView from the pipeline.'
            )
        images = data['inputs'].to(self.device)
        views = [self.view(images) for _ in range(self.num_views)]
        inputs = views if self.num_views > 1 else views[0]
        return super().forward(dict(data, inputs=inputs), training)
