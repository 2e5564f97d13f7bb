from __future__ import annotations

import cv2
import mmcv
from mmengine.fileio import get

from ..media.image_limit import limit_decoding

limit_decoding()

#: What mmcv raises for a missing, undecodable, empty and too large image.
IMAGE_ERRORS = (OSError, AssertionError, cv2.error)


def is_readable(path: str) -> bool:
    """Whether an image file can be read and decoded."""
    try:
        return mmcv.imfrombytes(get(path)) is not None
    except IMAGE_ERRORS:
        return False
