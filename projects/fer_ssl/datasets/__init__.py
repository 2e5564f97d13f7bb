from .backends import RecordIOBackend, TarBackend
from .face_dataset import FaceDataset
from .feature_store import FeatureStore
from .record_io_dataset import RecordIODataset
from .samplers import ClassBalancedSampler, InfiniteShuffleSampler
from .seeded_draws import SeededDraws
from .tar_shard_dataset import TarShardDataset
from .transforms import LoadClipFrames, PackClipInputs
from .video_clip_dataset import VideoClipDataset
from .video_frame_dataset import VideoFrameDataset

__all__ = [
    'ClassBalancedSampler',
    'FaceDataset',
    'FeatureStore',
    'InfiniteShuffleSampler',
    'LoadClipFrames',
    'PackClipInputs',
    'RecordIOBackend',
    'RecordIODataset',
    'SeededDraws',
    'TarBackend',
    'TarShardDataset',
    'VideoClipDataset',
    'VideoFrameDataset',
]
