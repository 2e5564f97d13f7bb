from __future__ import annotations

import os.path as osp
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


def describe_failure(path: str, error: Exception) -> str:
    """Say in a sentence that an image is missing, or that it is damaged.

    Args:
        path: Path or address of the image.
        error: What was raised when it was read.
    """
    if isinstance(error, FileNotFoundError):
        hint = backslash_hint(path)
        return f'{path}: no such image file{hint and f"; {hint}"}.'
    if '://' not in path and osp.isfile(path) and not osp.getsize(path):
        return f'{path}: an empty file, not an image.'
    return f'{path}: not a readable image ({error}).'


def backslash_hint(path: str) -> str:
    """Return a remedy for a missing image of a list written on Windows, or ''.

    Args:
        path: Path of the image.
    """
    other = path.replace('\\', '/')
    if other == path or not osp.exists(other):
        return ''
    return (
        f'{other} exists, so replace the backslashes of Windows in the list '
        'by slashes'
    )


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
            f'{describe_failure(info["img_path"], error)} Leave the '
            'field `image` of the frames CSV empty where there is no face; '
            'from a folder of crops, delete the file.'
        ) from error
