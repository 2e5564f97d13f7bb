from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def cut_out(
    image: np.ndarray, box: Sequence[float], margin: float, size: int
) -> np.ndarray:
    """Cut out a square around a face, black outside the image.

    Args:
        image: Image, uint8 (H, W, 3).
        box: Left, top, right, bottom in pixels.
        margin: Margin on every side, as a fraction of the longer side of the
            box.
        size: Side of the result in pixels; 0 keeps the resolution.

    Returns:
        The square, uint8 (S, S, 3).
    """
    left, top, right, bottom = box
    side = max(round((1 + 2 * margin) * max(right - left, bottom - top)), 1)
    x = round((left + right - side) / 2)
    y = round((top + bottom - side) / 2)
    height, width = image.shape[:2]
    # The part of the square inside the image; empty if there is none.
    inside = image[
        max(y, 0) : max(min(y + side, height), 0),
        max(x, 0) : max(min(x + side, width), 0),
    ]
    square = np.zeros((side, side, 3), np.uint8)
    row, column = max(-y, 0), max(-x, 0)
    square[row : row + inside.shape[0], column : column + inside.shape[1]] = (
        inside
    )
    if not size or size == side:
        return square
    # Area averaging avoids aliasing, but does not interpolate when enlarging.
    smaller = size < side
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(square, (size, size), interpolation=method)
