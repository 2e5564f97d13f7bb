from .containers import PixelTextBackend, RecordIOBackend, TarBackend
from .faces.affectnet_dataset import AffectNetDataset
from .faces.base_face_dataset import BaseFaceDataset
from .faces.cached_faces import CachedFaces
from .faces.coded_face_dataset import CodedFaceDataset
from .faces.expw_dataset import ExpWDataset
from .faces.face_dataset import FaceDataset
from .faces.face_table import FaceTable
from .faces.fer_plus_dataset import FERPlusDataset
from .faces.image_folder_dataset import ImageFolderDataset
from .faces.raf_db_dataset import RAFDBDataset
from .faces.record_io_dataset import RecordIODataset
from .faces.tar_shard_dataset import TarShardDataset
from .folder_layout import FolderLayout
from .samplers import ClassBalancedSampler, InfiniteShuffleSampler
from .samplers.seeded_draws import SeededDraws
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
from .videos.aff_wild2_reader import AffWild2Reader
from .videos.dfew_dataset import DFEWDataset, DFEWFrameDataset
from .videos.feature_store import FeatureStore
from .videos.frames_csv_reader import FramesCSVReader
from .videos.s_aff_wild2_reader import SAffWild2Reader
from .videos.video_clip_dataset import VideoClipDataset
from .videos.video_frame_dataset import VideoFrameDataset

__all__ = [
    'AffectNetDataset',
    'BaseFaceDataset',
    'AffWild2Reader',
    'CachedFaces',
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
    'FolderLayout',
    'FramesCSVReader',
    'ImageFolderDataset',
    'InfiniteShuffleSampler',
    'LoadClipFrames',
    'PackClipInputs',
    'PixelTextBackend',
    'RAFDBDataset',
    'RecordIOBackend',
    'RecordIODataset',
    'SAffWild2Reader',
    'SeededDraws',
    'TarBackend',
    'TarShardDataset',
    'VideoClipDataset',
    'VideoFrameDataset',
]
