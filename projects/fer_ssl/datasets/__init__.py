from .aff_wild2 import AffWild2Reader
from .face_dataset import FaceDataset
from .feature_store import FeatureStore
from .samplers import ClassBalancedSampler, InfiniteShuffleSampler
from .seeded_draws import SeededDraws
from .transforms import LoadClipFrames, PackClipInputs
from .video_clip_dataset import VideoClipDataset
from .video_frame_dataset import VideoFrameDataset

__all__ = [
    'AffWild2Reader',
    'ClassBalancedSampler',
    'FaceDataset',
    'FeatureStore',
    'InfiniteShuffleSampler',
    'LoadClipFrames',
    'PackClipInputs',
    'SeededDraws',
    'VideoClipDataset',
    'VideoFrameDataset',
]
