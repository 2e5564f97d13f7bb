"""Worse boxes and fewer pixels, to test how robust a network is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class FaceChange:
    """Change of a face before it is transformed for the network.

    Attributes:
        shift: Maximum shift of the box to each side, as a fraction of its
            longer side.
        scale: Maximum change of its size, as a fraction.
        pixels: The face is shrunk to this longer side and enlarged again; 0
            keeps its resolution.
        seed: Seed of the random numbers, which are the same for the same row
            whatever else is predicted.

    Raises:
        ValueError: An attribute leaves no face.
    """

    shift: float = 0.0
    scale: float = 0.0
    pixels: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('shift', 'scale'):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(
                    f'{name}={getattr(self, name)}: must be from 0 to 0.5, a '
                    'fraction of the side of the box.'
                )
        for name in ('pixels', 'seed'):
            if getattr(self, name) < 0:
                raise ValueError(
                    f'{name}={getattr(self, name)}: must not be negative.'
                )

    def move_box(self, box: Sequence[float], row: int) -> list[float]:
        """Move and scale a box, (left, top, right, bottom)."""
        if not self._moves:
            return list(box)
        x, y, zoom = self._draw(row)
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        side = max(width, height)
        x, y = (left + right) / 2 + x * side, (top + bottom) / 2 + y * side
        width, height = zoom * width / 2, zoom * height / 2
        return [x - width, y - height, x + width, y + height]

    def move_crop(self, face: np.ndarray, row: int) -> np.ndarray:
        """Move an image that is the face, as if its box had been moved.

        The edge of the image is repeated outside of it.

        Args:
            face: Image, uint8 (H, W, 3).
            row: Number of the face.

        Returns:
            Image of the same shape.
        """
        if not self._moves:
            return face
        height, width = face.shape[:2]
        left, top, right, bottom = self.move_box((0, 0, width, height), row)
        zoom = (right - left) / width
        half = (zoom - 1) / 2  # OpenCV counts from the center of a pixel
        return cv2.warpAffine(
            face,
            np.float64([[zoom, 0, left + half], [0, zoom, top + half]]),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def shrink(self, face: np.ndarray) -> np.ndarray:
        """Take the resolution away, and return an image of the same shape."""
        height, width = face.shape[:2]
        scale = self.pixels / max(height, width)
        if not 0 < scale < 1:
            return face
        size = [max(round(scale * x), 1) for x in (width, height)]
        small = cv2.resize(face, size, interpolation=cv2.INTER_AREA)
        return cv2.resize(
            small, (width, height), interpolation=cv2.INTER_LINEAR
        )

    @property
    def _moves(self) -> bool:
        return bool(self.shift or self.scale)

    def _draw(self, row: int) -> tuple[float, float, float]:
        """Return the shifts in x and y, and the factor of the size."""
        x, y, zoom = np.random.default_rng((self.seed, row)).uniform(-1, 1, 3)
        return self.shift * x, self.shift * y, 1 + self.scale * zoom
