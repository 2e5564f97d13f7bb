from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class SeededEpochSampler(Sampler):
    """Add the seed of the random numbers to the draws of another sampler.

    A draw is ``(index, seed, position)``, for :class:`SeededDraws`; positions
    count over all epochs and ranks. :attr:`start` is the number of samples to
    skip in the next epoch.

    Args:
        dataset: Sized dataset.
        sampler: Config of a finite sampler, such as ``DefaultSampler``.
        seed: Seed of the draws, the same on all ranks. ``None`` draws one and
            broadcasts it.
    """

    def __init__(
        self, dataset, sampler: dict, seed: int | None = None
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.sampler = DATA_SAMPLERS.build(
            sampler, default_args=dict(dataset=dataset, seed=seed)
        )
        self.set_seed(sync_random_seed() if seed is None else seed)
        self.epoch = 0
        self.start = 0

    def set_seed(self, seed: int) -> None:
        """Set the seed, as a resumed run does."""
        self.seed = self.sampler.seed = seed

    def set_epoch(self, epoch: int) -> None:
        """Change to the order of an epoch."""
        self.epoch = epoch
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        first = self.epoch * len(self.sampler)
        for place, index in islice(enumerate(self.sampler), self.start, None):
            position = (first + place) * self.world_size + self.rank
            yield index, self.seed, position

    def __len__(self) -> int:
        """Return the number of samples of an epoch on this rank."""
        return len(self.sampler)
