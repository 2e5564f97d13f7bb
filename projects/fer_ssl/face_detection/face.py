"""A face in an image, and what all face detectors have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ..media.video_file import Picture


@dataclass(frozen=True)
class Face:
    """A face in an image: left, top, right, bottom in pixels, and score."""

    box: tuple[float, float, float, float]
    score: float

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


class FaceDetector(ABC):
    """Base of what finds the faces of a video, picture by picture.

    A subclass registered in ``TASK_UTILS`` can be named in place of those
    that are here.
    """

    @abstractmethod
    def find(self, picture: Picture, video: str) -> list[Face]:
        """Faces of a picture, the largest first.

        Args:
            picture: With ``number`` and ``image``.
            video: Name of the video.
        """


class ImageFaceDetector(FaceDetector):
    """Base of detectors that look at the image, made smaller before.

    A subclass gives ``__call__(image, min_size)``: BGR uint8 (H, W, 3) ->
    faces.

    Args:
        detect_size: Longer side, in pixels, that the detector sees.
    """

    def __init__(self, detect_size: int = 640) -> None:
        self.detect_size = detect_size

    @abstractmethod
    def __call__(self, image: np.ndarray, min_size: float = 0.0) -> list[Face]:
        """Faces in a BGR image, uint8 (H, W, 3).

        Args:
            image: The image.
            min_size: Nobody needs those with a shorter side, in pixels.
        """

    def find(self, picture: Picture, video: str) -> list[Face]:
        return find_faces(self, picture.image, self.detect_size)


def find_faces(
    detector: ImageFaceDetector,
    image: np.ndarray,
    detect_size: int,
    min_size: float = 0.0,
) -> list[Face]:
    """Faces in an image, found in a smaller copy; the largest comes first.

    Args:
        detector: Finds them.
        image: BGR uint8 (H, W, 3).
        detect_size: Longer side of the copy.
        min_size: Nobody needs those with a shorter side, in pixels of the
            image.
    """
    scale = detect_size / max(image.shape[:2])
    small = image
    if scale < 1:
        size = [max(round(scale * side), 1) for side in image.shape[1::-1]]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    x = image.shape[1] / small.shape[1]
    y = image.shape[0] / small.shape[0]
    faces = [
        Face(
            (box[0] * x, box[1] * y, box[2] * x, box[3] * y),
            face.score,
        )
        for face in detector(small, min_size / max(x, y))
        for box in [face.box]
    ]
    return sorted(faces, key=lambda face: -face.area)
