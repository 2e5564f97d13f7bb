from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mmengine.registry import TASK_UTILS

from .face import Face, FaceDetector, ImageFaceDetector, find_faces
from .iou_tracker import iou

if TYPE_CHECKING:
    from ..media.video_file import VideoFrame

# The search region extends beyond the face by this fraction of it per side.
_AROUND = 0.5
# The sides of a face shrink at most by this factor from frame to frame.
_SMALLEST = 0.7
# Minimum overlap (intersection over union) of a face with itself one frame
# earlier, and maximum overlap of two different faces.
_SAME = 0.3


@TASK_UTILS.register_module()
class NearbySearch(FaceDetector):
    """Detector that searches near the faces of the previous frame.

    The detector runs on the full frame every ``every`` frames, and whenever
    the previous frame had no face, one of its faces is not found again, or two
    faces come close to each other. Otherwise it runs only around the previous
    faces. A new face next to others is thus found up to ``every - 1`` frames
    later than by the detector alone; nothing else is lost, and a cascade takes
    a fraction of the time.

    Args:
        detector: :class:`ImageFaceDetector` or its config.
        every: Number of frames from one search of the full frame to the next.

    Raises:
        ValueError: ``every`` is not positive.
    """

    def __init__(
        self, detector: ImageFaceDetector | dict, every: int = 5
    ) -> None:
        if every < 1:
            raise ValueError(f'every={every}: must be positive.')
        if isinstance(detector, dict):
            detector = TASK_UTILS.build(detector)
        self.detector = detector
        self.every = every
        # Nearby search is valid only for this next frame of the same video,
        # and until the frame at which the full frame is searched again.
        self._next: tuple[str, int] | None = None
        self._until = 0
        self._shape: tuple | None = None
        self._faces: list[Face] = []

    def find(self, frame: VideoFrame, video: str) -> list[Face]:
        """See the base class."""
        faces = None
        if (
            self._faces
            and frame.number < self._until
            and self._next == (video, frame.number)
            and self._shape == frame.image.shape
        ):
            faces = self._search_nearby(frame.image)
        if faces is None:
            faces = self.detector.find(frame, video)
            self._until = frame.number + self.every
        self._faces = faces
        self._shape = frame.image.shape
        self._next = video, frame.number + 1
        return faces

    def _search_nearby(self, image: np.ndarray) -> list[Face] | None:
        """Find all previous faces again, or return None if one is lost."""
        scale = min(self.detector.detect_size / max(image.shape[:2]), 1)
        faces = [self._refind(face, image, scale) for face in self._faces]
        if None in faces:
            return None
        boxes = np.array([face.box for face in faces])
        overlap = iou(boxes, boxes)
        if (np.triu(overlap, 1) > _SAME).any():
            return None  # two searches may have found the same face
        return sorted(faces, key=lambda face: -face.area)

    def _refind(
        self, face: Face, image: np.ndarray, scale: float
    ) -> Face | None:
        """Find a face again in the region around it.

        Args:
            face: The face in the previous frame.
            image: The current frame, BGR uint8 (H, W, 3).
            scale: Factor by which the detector downscales a full frame; the
                region is downscaled alike.
        """
        box = np.array(face.box)
        sides = box[2:] - box[:2]
        first = np.maximum(box[:2] - _AROUND * sides, 0).astype(int)
        last = np.ceil(box[2:] + _AROUND * sides).astype(int)
        region = image[first[1] : last[1], first[0] : last[0]]
        found = find_faces(
            self.detector,
            region,
            max(round(scale * max(region.shape[:2])), 1),
            _SMALLEST * min(sides),
        )
        if not found:
            return None
        boxes = np.array([x.box for x in found]) + np.tile(first, 2)
        overlap = iou(boxes, box[None])[:, 0]
        best = overlap.argmax()
        if overlap[best] < _SAME:
            return None
        return Face(tuple(boxes[best].tolist()), found[best].score)
