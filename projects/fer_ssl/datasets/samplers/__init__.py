from .class_balanced_sampler import ClassBalancedSampler
from .infinite_shuffle_sampler import InfiniteShuffleSampler
from .resumable_sampler import ResumableSampler
from .seeded_epoch_sampler import SeededEpochSampler

__all__ = [
    'ClassBalancedSampler',
    'InfiniteShuffleSampler',
    'ResumableSampler',
    'SeededEpochSampler',
]
