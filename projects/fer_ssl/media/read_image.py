from __future__ import annotations

import cv2
import numpy as np

from ..utils.placeholders import describe_placeholder
from .image_limit import check_pixels

#: Extensions of image files.
IMAGE_TYPES = (
    'avif',
    'bmp',
    'dib',
    'gif',
    'jfif',
    'jp2',
    'jpe',
    'jpeg',
    'jpg',
    'pbm',
    'pgm',
    'png',
    'pnm',
    'ppm',
    'tif',
    'tiff',
    'webp',
)


def read_image(path: str) -> np.ndarray:
    """Read an image file, turned upright as its EXIF orientation says.

    Args:
        path: The file.

    Returns:
        BGR image, uint8 (H, W, 3); transparency is dropped.

    Raises:
        OSError: It cannot be read or decoded, or has more pixels than
            :func:`max_pixels`; the message has no path.
    """
    with open(path, 'rb') as file:
        content = file.read()
    if not content:
        raise OSError('an empty file')
    check_pixels(content)
    try:
        image = cv2.imdecode(
            np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR
        )
    except cv2.error as error:
        raise OSError(f'cannot be decoded: {error}') from None
    if image is None:
        reason = describe_placeholder(content[:100]).rstrip('.')
        raise OSError(reason or 'cannot be decoded')
    return image
