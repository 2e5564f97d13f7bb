from .boxes_from_csv import BoxesFromCSV
from .face import Face, FaceDetector, ImageFaceDetector, find_faces
from .haar_detector import HAAR_FILE, HaarDetector
from .iou_tracker import IoUTracker
from .nearby_search import NearbySearch
from .yunet_detector import YuNetDetector

__all__ = [
    'HAAR_FILE',
    'BoxesFromCSV',
    'Face',
    'FaceDetector',
    'HaarDetector',
    'ImageFaceDetector',
    'IoUTracker',
    'NearbySearch',
    'YuNetDetector',
    'find_faces',
]
