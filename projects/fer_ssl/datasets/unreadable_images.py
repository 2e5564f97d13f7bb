from __future__ import annotations

from typing import Callable

import cv2
import mmcv
from mmengine.fileio import get

from ..media.image_limit import limit_decoding

limit_decoding()

#: Raised by mmcv for missing, undecodable, empty and too large images.
IMAGE_ERRORS = (OSError, AssertionError, cv2.error)


def is_readable(path: str) -> bool:
    """Return whether an image file can be read and decoded."""
    try:
        return mmcv.imfrombytes(get(path)) is not None
    except IMAGE_ERRORS:
        return False


def load_frame(pipeline: Callable[[dict], dict], info: dict) -> dict:
    """Run an image pipeline on one frame, ``info['img_path']``.

    Raises:
        ValueError: The file is missing or not an image; the message names it.
    """
    try:
        return pipeline(info)
    except IMAGE_ERRORS as error:
        if is_readable(info['img_path']):
            raise  # some other step of the pipeline failed
        raise ValueError(
            f'{info["img_path"]}: not a readable image ({error}). Leave the '
            'field `image` of the frames CSV empty where there is no face; '
            'from a folder of crops, delete the file.'
        ) from error
