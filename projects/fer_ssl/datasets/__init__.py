from .face_dataset import FaceDataset
from .samplers import ClassBalancedSampler, InfiniteShuffleSampler

__all__ = ['ClassBalancedSampler', 'FaceDataset', 'InfiniteShuffleSampler']
