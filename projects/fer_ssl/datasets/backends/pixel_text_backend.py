from __future__ import annotations

import os
import re

import numpy as np
from mmengine.fileio import BaseStorageBackend, register_backend

SIDE = 48


def pixel_text_path(path: str, offset: int, size: int) -> str:
    """Path of an image that is written as text in a file.

    Args:
        path: The file.
        offset: First byte of the image.
        size: Length of the image, bytes.
    """
    return f'pixels://{os.path.abspath(path)}?offset={offset}&size={size}'


@register_backend('pixel_text', prefixes='pixels', force=True)
class PixelTextBackend(BaseStorageBackend):
    """Grey images of 48 x 48 pixels written as text, as in ``fer2013.csv``.

    ``pixels:///data/fer2013.csv?offset=23&size=8287`` names such an image: a
    stretch of the file with 2304 numbers, 0 to 255, between spaces. It is
    given as a PGM file, so that any reader of images decodes it.

    Raises:
        OSError: There are no such pixels at that place.
    """

    def get(self, filepath: str) -> bytes:
        match = re.fullmatch(
            r'pixels://(.*)\?offset=(\d+)&size=(\d+)', str(filepath)
        )
        if not match:
            raise OSError(f'{filepath}: not pixels://FILE?offset=N&size=N.')
        with open(match[1], 'rb') as file:
            file.seek(int(match[2]))
            text = file.read(int(match[3]))
        try:
            pixels = np.array(text.split(), dtype=np.uint8)
        except (ValueError, OverflowError):
            pixels = np.empty(0)
        if len(pixels) != SIDE * SIDE:
            raise OSError(
                f'{filepath}: not {SIDE * SIDE} numbers from 0 to 255.'
            )
        return b'P5 %d %d 255\n' % (SIDE, SIDE) + pixels.tobytes()

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        raise NotImplementedError('Pixels are no text.')
