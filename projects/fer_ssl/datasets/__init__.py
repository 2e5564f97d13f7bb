from .aff_wild2 import AffWild2Reader
from .affectnet_dataset import AffectNetDataset
from .backends import PixelTextBackend, RecordIOBackend, TarBackend
from .base_face_dataset import BaseFaceDataset
from .coded_face_dataset import CodedFaceDataset
from .dfew_dataset import DFEWDataset, DFEWFrameDataset
from .expw_dataset import ExpWDataset
from .face_dataset import FaceDataset
from .face_table import FaceTable
from .feature_store import FeatureStore
from .fer_plus_dataset import FERPlusDataset
from .frames_csv_reader import FramesCSVReader
from .image_folder_dataset import ImageFolderDataset
from .raf_db_dataset import RAFDBDataset
from .record_io_dataset import RecordIODataset
from .samplers import ClassBalancedSampler, InfiniteShuffleSampler
from .seeded_draws import SeededDraws
from .tar_shard_dataset import TarShardDataset
from .transforms import (
    CropFace,
    FastColorJitter,
    FastMultiView,
    FastPackInputs,
    FastRandAugment,
    FastRandomCrop,
    FastRandomErasing,
    FastRandomFlip,
    LoadClipFrames,
    PackClipInputs,
)
from .video_clip_dataset import VideoClipDataset
from .video_frame_dataset import VideoFrameDataset

__all__ = [
    'AffectNetDataset',
    'BaseFaceDataset',
    'AffWild2Reader',
    'ClassBalancedSampler',
    'CodedFaceDataset',
    'CropFace',
    'DFEWDataset',
    'DFEWFrameDataset',
    'ExpWDataset',
    'FERPlusDataset',
    'FaceDataset',
    'FaceTable',
    'FastColorJitter',
    'FastMultiView',
    'FastPackInputs',
    'FastRandAugment',
    'FastRandomCrop',
    'FastRandomErasing',
    'FastRandomFlip',
    'FeatureStore',
    'FramesCSVReader',
    'ImageFolderDataset',
    'InfiniteShuffleSampler',
    'LoadClipFrames',
    'PackClipInputs',
    'PixelTextBackend',
    'RAFDBDataset',
    'RecordIOBackend',
    'RecordIODataset',
    'SeededDraws',
    'TarBackend',
    'TarShardDataset',
    'VideoClipDataset',
    'VideoFrameDataset',
]
