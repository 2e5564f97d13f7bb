from __future__ import annotations

import os
from collections.abc import Sequence

import cv2
import numpy as np

from ..utils.files import whole_file


def write_image(
    path: str | os.PathLike, image: np.ndarray, options: Sequence[int] = ()
) -> None:
    """Write an image atomically; missing folders are created.

    ``cv2.imwrite`` reports neither a full disk nor the path.

    Args:
        path: The file; its extension determines the format.
        image: BGR image, uint8 (H, W, 3).
        options: Encoder parameters, as in ``cv2.imwrite``.

    Raises:
        OSError: If it cannot be written, or is too large for its format; the
            message or ``filename`` names the file.
    """
    extension = os.path.splitext(path)[1]
    is_encoded, encoded = cv2.imencode(extension, image, options)
    if not is_encoded:
        height, width = image.shape[:2]
        raise OSError(
            f'{path}: an image of {width} x {height} pixels cannot be written '
            f'as {extension}. Use PNG.'
        )
    with whole_file(path, 'wb', sync=False) as file:
        file.write(encoded)
