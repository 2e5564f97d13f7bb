from .boxes_from_csv import BoxesFromCSV
from .face import Face, FaceDetector, ImageFaceDetector
from .iou_tracker import IoUTracker
from .yunet_detector import YuNetDetector

__all__ = [
    'BoxesFromCSV',
    'Face',
    'FaceDetector',
    'ImageFaceDetector',
    'IoUTracker',
    'YuNetDetector',
]
