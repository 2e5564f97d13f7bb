from __future__ import annotations

import os

import numpy as np
from mmengine.fileio import BaseStorageBackend, register_backend

from ...utils.open_files import OpenFiles
from .address import make_address, split_address

SIDE = 48


def pixel_text_path(path: str, offset: int, size: int) -> str:
    """Return the address of an image that is stored as text in a file.

    Args:
        path: The file.
        offset: First byte of the image.
        size: Length of the image in bytes.
    """
    path = os.path.abspath(path)
    return make_address('pixels', path, offset=offset, size=size)


@register_backend('pixel_text', prefixes='pixels', force=True)
class PixelTextBackend(BaseStorageBackend):
    """Gray images of 48 x 48 pixels written as text, as in ``fer2013.csv``.

    ``pixels:///data/fer2013.csv?offset=23&size=8287`` names such an image: a
    section of the file with 2304 numbers, 0 to 255, separated by spaces. It is
    returned as a PGM file, which any image reader decodes.
    """

    def __init__(self) -> None:
        self._files = OpenFiles()

    def get(self, filepath: str) -> bytes:
        """Return the image at an address.

        Raises:
            OSError: There are no pixels at that position.
            ValueError: The address is malformed.
        """
        path, part = split_address(str(filepath), {'offset', 'size'})
        text = self._files.read(path, part['offset'], part['size'])
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
        raise NotImplementedError('Pixels are not text.')
