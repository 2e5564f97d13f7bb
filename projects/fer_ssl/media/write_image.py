from __future__ import annotations

import os
from collections.abc import Sequence

import cv2
import numpy as np

from ..utils.files import whole_file


def write_image(
    path: str | os.PathLike, image: np.ndarray, options: Sequence[int] = ()
) -> None:
    """Write an image that appears whole or not at all; folders are made.

    ``cv2.imwrite`` tells neither that a disk is full nor the path.

    Args:
        path: The file; its extension is the format.
        image: uint8 (H, W, 3), BGR.
        options: Of ``cv2.imwrite``.

    Raises:
        OSError: It cannot be written, or is too large for its format; the
            message or ``filename`` names the file.
    """
    extension = os.path.splitext(path)[1]
    is_encoded, encoded = cv2.imencode(extension, image, options)
    if not is_encoded:
        height, width = image.shape[:2]
        raise OSError(
            f'{path}: an image of {width} x {height} pixels cannot be written '
            f'as {extension}. Choose PNG.'
        )
    with whole_file(path, 'wb', sync=False) as file:
        file.write(encoded)
