"""Faces in images, and the base classes of face detectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ..media.video_file import VideoFrame


#: Minimum longer side in pixels of the image that a detector sees.
MIN_DETECT_SIZE = 16


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

    def check_videos(self, videos: Sequence[str]) -> None:  # noqa: B027
        """Raise a ValueError if the detector suits none of these.

        Args:
            videos: Names of all videos and images to be searched.
        """

    def problems(
        self, video: str, num_frames: int, size: tuple[int, int]
    ) -> list[str]:
        """Return messages about data for a video that match none of it.

        Args:
            video: Name of the video or image, all of which was searched.
            num_frames: Number of its frames.
            size: Width and height of the frames in pixels.

        Raises:
            ValueError: If none of the data match.
        """
        return []


class ImageFaceDetector(FaceDetector):
    """Base of detectors that run on a downscaled copy of the frame.

    A subclass implements ``__call__(image)``, which finds the faces in a BGR
    image, uint8 (H, W, 3).

    Args:
        detect_size: Longer side of the downscaled copy in pixels.

    Raises:
        ValueError: It is too small for any face.
    """

    def __init__(self, detect_size: int = 640) -> None:
        if detect_size < MIN_DETECT_SIZE:
            raise ValueError(
                f'detect_size={detect_size}: must be at least '
                f'{MIN_DETECT_SIZE} pixels.'
            )
        self.detect_size = detect_size

    @abstractmethod
    def __call__(self, image: np.ndarray) -> list[Face]:
        """Find the faces in a BGR image, uint8 (H, W, 3)."""

    def find(self, frame: VideoFrame, video: str) -> list[Face]:
        return self.find_in(frame.image)

    def find_in(self, image: np.ndarray) -> list[Face]:
        """Find the faces of an image, the largest first.

        Args:
            image: BGR image, uint8 (H, W, 3). It is never upscaled.

        Returns:
            Faces in pixels of the image.
        """
        scale = self.detect_size / max(image.shape[:2])
        small = image
        if scale < 1:
            size = [max(round(scale * x), 1) for x in image.shape[1::-1]]
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        # Not 1 / scale, because the sides of the copy are rounded.
        x = image.shape[1] / small.shape[1]
        y = image.shape[0] / small.shape[0]
        faces = [
            Face(
                (box[0] * x, box[1] * y, box[2] * x, box[3] * y),
                face.score,
            )
            for face in self(small)
            for box in [face.box]
        ]
        return sorted(faces, key=lambda face: -face.area)
