"""Faces in images, and the base classes of face detectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ..media.video_file import VideoFrame


@dataclass(frozen=True)
class Face:
    """Detected face: box (left, top, right, bottom) in pixels, and score."""

    box: tuple[float, float, float, float]
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


class FaceDetector(ABC):
    """Base of detectors that find the faces of a video frame by frame.

    A subclass registered in ``TASK_UTILS`` can be used by its name wherever a
    detector is configured.
    """

    @abstractmethod
    def find(self, frame: VideoFrame, video: str) -> list[Face]:
        """Find the faces of a frame, the largest first.

        Args:
            frame: The frame; detectors use its ``number`` and ``image``.
            video: Name of the video.
        """


class ImageFaceDetector(FaceDetector):
    """Base of detectors that run on a downscaled copy of the frame.

    A subclass implements ``__call__(image, min_size)``, which finds the faces
    in a BGR image, uint8 (H, W, 3).

    Args:
        detect_size: Longer side of the downscaled copy in pixels.
    """

    def __init__(self, detect_size: int = 640) -> None:
        self.detect_size = detect_size

    @abstractmethod
    def __call__(self, image: np.ndarray, min_size: float = 0.0) -> list[Face]:
        """Find the faces in a BGR image, uint8 (H, W, 3).

        Args:
            image: The image.
            min_size: Minimum side of a face in pixels; smaller faces may be
                left out.
        """

    def find(self, frame: VideoFrame, video: str) -> list[Face]:
        return find_faces(self, frame.image, self.detect_size)


def find_faces(
    detector: ImageFaceDetector,
    image: np.ndarray,
    detect_size: int,
    min_size: float = 0.0,
) -> list[Face]:
    """Find the faces of an image in a downscaled copy, the largest first.

    Args:
        detector: Detector of the faces in the copy.
        image: BGR image, uint8 (H, W, 3).
        detect_size: Longer side of the copy in pixels. Images are never
            upscaled.
        min_size: Minimum side of a face in pixels of the image; smaller faces
            may be left out.

    Returns:
        Faces in pixels of the image.
    """
    scale = detect_size / max(image.shape[:2])
    small = image
    if scale < 1:
        size = [max(round(scale * side), 1) for side in image.shape[1::-1]]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    # Not 1 / scale, because the sides of the copy are rounded.
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
