from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from .seeded_draws import SeededDraws


class ResumableSampler(Sampler):
    """Endless sampler whose draw at any position is a function of the seed.

    Because draws do not depend on earlier ones, resuming at iteration ``t``
    costs the same for every ``t``: set :attr:`start` to ``t`` before iterating
    over the loader. One iteration of all ranks together takes ``world_size *
    batch_size`` consecutive positions, and each rank a contiguous part of
    them. In every step, several ranks therefore see the same batch that one
    rank would see with the whole batch size.

    Args:
        dataset: Sized dataset.
        seed: Seed of the draws, the same on all ranks. ``None`` draws one and
            broadcasts it.
        batch_size: Samples per rank and iteration. It is needed with several
            ranks only; :class:`ResumableTrainLoop` sets it from its loader.
    """

    def __init__(
        self, dataset, seed: int | None = None, batch_size: int | None = None
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.seed = sync_random_seed() if seed is None else seed
        self.batch_size = batch_size
        self.start = 0

    def index_at(self, position: int) -> int:
        """Return the dataset index at ``position`` of the common stream."""
        raise NotImplementedError

    def indices_at(self, step: int) -> list[int]:
        """Return the dataset indices of this rank's batch of an iteration."""
        return [self.index_at(x) for x in self._positions(step)]

    def _positions(self, step: int) -> range:
        batch_size = self.batch_size or 1
        first = (step * self.world_size + self.rank) * batch_size
        return range(first, first + batch_size)

    def __iter__(self) -> Iterator[int | tuple[int, int, int]]:
        if self.batch_size is None and self.world_size > 1:
            raise ValueError(
                f'{type(self).__name__} on {self.world_size} ranks needs '
                '`batch_size`: train with ResumableTrainLoop or '
                'MetaPseudoLabelLoop, which set it, or give it in the '
                'sampler config.'
            )
        seeded = isinstance(self.dataset, SeededDraws)
        for step in count(self.start):
            for position in self._positions(step):
                index = self.index_at(position)
                yield (index, self.seed, position) if seeded else index

    def __len__(self) -> int:
        """Return the size of the dataset (the stream itself is endless)."""
        return len(self.dataset)
