from __future__ import annotations

import torch
from mmengine.registry import DATA_SAMPLERS

from .resumable_sampler import ResumableSampler


@DATA_SAMPLERS.register_module()
class InfiniteShuffleSampler(ResumableSampler):
    """Draw endless passes over the dataset, each in another random order.

    Every sample is drawn exactly once per pass. Unlike mmengine's
    ``InfiniteSampler``, it can start at any iteration without replaying
    earlier draws; starting costs one permutation.
    """

    _drawn: tuple[int, int] | None = None

    def index_at(self, position: int) -> int:
        size = len(self.dataset)
        number = position // size
        if self._drawn != (self.seed, number):
            generator = torch.Generator().manual_seed(self.seed + number)
            self._order = torch.randperm(size, generator=generator)
            self._drawn = self.seed, number
        return int(self._order[position % size])
