from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmengine.registry import TRANSFORMS

from .lookup import histograms, look_up


@TRANSFORMS.register_module()
class FastEqualize(BaseTransform):
    """Equalise the histogram of every channel, as a policy of RandAugment.

    ``Equalize`` of mmpretrain, with the same result in a tenth of the time.

    Changes ``img``, uint8 (H, W, 3).

    Args:
        prob: Probability of doing so.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    @cache_randomness
    def random_disable(self) -> bool:
        return np.random.rand() > self.prob

    def transform(self, results: dict) -> dict:
        if not self.random_disable():
            results['img'] = equalize(results['img'])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'


def equalize(img: np.ndarray) -> np.ndarray:
    """All values become about equally frequent.

    A channel with less than 255 pixels besides its lightest value stays as
    it is.
    """
    tables = []
    for counts in histograms(img):
        lightest = counts[np.flatnonzero(counts)[-1]]
        step = (counts.sum() - lightest) // 255
        table = np.arange(256)
        if step:
            below = np.concatenate([[0], np.cumsum(counts)[:-1] + step // 2])
            table = np.minimum(below // step, 255)
        tables.append(table.astype(np.uint8))
    return look_up(img, np.stack(tables))
