"""Changes of colours by tables, which cost little more than a copy."""

from __future__ import annotations

import cv2
import numpy as np

_VALUES = np.arange(256)


def look_up(img: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Replace every value by that of a table.

    Args:
        img: uint8 (H, W, C).
        tables: uint8 (256,), or one for each channel, (C, 256).
    """
    if tables.ndim == 2:
        tables = np.ascontiguousarray(tables.T)[None]
    return cv2.LUT(img, tables)


def blended_table(other: int, factor: float) -> np.ndarray:
    """Table of ``factor * value + (1 - factor) * other``, as PIL rounds."""
    values = other + factor * (_VALUES - other)
    return np.clip(values, 0, 255).astype(np.uint8)


def histograms(img: np.ndarray) -> np.ndarray:
    """Number of pixels of every value, int64 (C, 256)."""
    return np.stack(
        [
            cv2.calcHist([img], [channel], None, [256], [0, 256]).ravel()
            for channel in range(img.shape[2])
        ]
    ).astype(np.int64)
