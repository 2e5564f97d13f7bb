from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mmengine.registry import TASK_UTILS

from .face import Face, FaceDetector, ImageFaceDetector, find_faces
from .iou_tracker import iou

if TYPE_CHECKING:
    from ..media.video_file import Picture

# What is looked at is larger than the face by this share of it on each side.
_AROUND = 0.5
# Sides of a face do not change by more than this factor in one picture.
_SMALLEST = 0.7
# Overlap (intersection over union) of a face with itself one picture before,
# and of two faces that may be one.
_SAME = 0.3


@TASK_UTILS.register_module()
class NearbySearch(FaceDetector):
    """Looks for faces where they were in the picture before.

    Everywhere is looked in every ``every``-th picture, where the picture
    before had no face, and where a face of it is not found again, or two come
    close to each other. So a new face, beside others, is found up to
    ``every - 1`` pictures later than by the detector alone; nothing else is
    lost, and a cascade takes a fraction of the time.

    Args:
        detector: :class:`ImageFaceDetector` or its config.
        every: Pictures from one search everywhere to the next.

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
        self._next: tuple[str, int] | None = None
        self._until = 0
        self._shape: tuple | None = None
        self._faces: list[Face] = []

    def find(self, picture: Picture, video: str) -> list[Face]:
        """See the base class."""
        faces = None
        if (
            self._faces
            and picture.number < self._until
            and self._next == (video, picture.number)
            and self._shape == picture.image.shape
        ):
            faces = self._near(picture.image)
        if faces is None:
            faces = self.detector.find(picture, video)
            self._until = picture.number + self.every
        self._faces = faces
        self._shape = picture.image.shape
        self._next = video, picture.number + 1
        return faces

    def _near(self, image: np.ndarray) -> list[Face] | None:
        """Faces where the last ones were, or None if one is not there."""
        scale = min(self.detector.detect_size / max(image.shape[:2]), 1)
        faces = [self._again(face, image, scale) for face in self._faces]
        if None in faces:
            return None
        boxes = np.array([face.box for face in faces])
        overlap = iou(boxes, boxes)
        if (np.triu(overlap, 1) > _SAME).any():
            return None
        return sorted(faces, key=lambda face: -face.area)

    def _again(
        self, face: Face, image: np.ndarray, scale: float
    ) -> Face | None:
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
