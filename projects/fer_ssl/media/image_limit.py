"""A limit on the pixels of an image, checked before it is decoded.

A file of some kilobytes can hold an image of gigabytes. mmcv decodes for all
data sets and pipelines, so its :func:`mmcv.imfrombytes` is where they are
checked; it costs some microseconds.
"""

from __future__ import annotations

import functools
import io
import os
import re
import struct

import mmcv
from PIL import Image, UnidentifiedImageError

#: Pixels of the largest image, unless the environment says otherwise.
MAX_PIXELS = 100_000_000
VARIABLE = 'FER_SSL_MAX_PIXELS'
_JPEG = b'\xff\xd8\xff'
_PNG = b'\x89PNG\r\n\x1a\n'
_NETPBM = re.compile(rb'P[1-6]\s+([0-9]{1,9})\s+([0-9]{1,9})\s')
# Markers of JPEG that begin a frame, and those without a length.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_FILL_BYTES = re.compile(rb'\xff+')
_BARE = {0x00, 0x01, *range(0xD0, 0xDA)}
_START_OF_SCAN = 0xDA


class TooManyPixelsError(OSError, ValueError):
    """An image is larger than the limit.

    An ``OSError``, as such a file counts as unreadable; a ``ValueError``, as
    its content is wrong.
    """


def max_pixels() -> int:
    """The limit: ``FER_SSL_MAX_PIXELS``, by default 100 million.

    Raises:
        ValueError: The variable holds something else.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return MAX_PIXELS
    if not re.fullmatch('[0-9]{1,15}', text):
        raise ValueError(f'{VARIABLE}={text!r:.40} is not a number of pixels.')
    return int(text)


def check_size(width: int, height: int) -> None:
    """Refuse an image by its size in pixels.

    Raises:
        TooManyPixelsError: It is above the limit.
    """
    limit = max_pixels()
    if width * height > limit:
        raise TooManyPixelsError(
            f'{width} x {height} pixels, more than the limit of {limit:,}; '
            f'make the image smaller, or set {VARIABLE} to more pixels'
        )


def check_pixels(content: bytes) -> None:
    """Refuse an encoded image by the size in its header.

    Headers of JPEG, PNG and PGM are read here, as these come by the million;
    Pillow needs 30 microseconds, as long as small faces take to decode.

    Raises:
        TooManyPixelsError: It is above the limit.
        OSError: It is of no known format, so that its size is not known.
    """
    size = _size_in_header(content)
    if size is not None:
        check_size(*size)
    # Of a JPEG or PNG without a whole header nothing is decoded.
    elif content and not content.startswith((_JPEG, _PNG)):
        open_image(content).close()


def _size_in_header(content: bytes) -> tuple[int, int] | None:
    """Width and height; None where this is to be asked of Pillow."""
    if content.startswith(_JPEG):
        return _jpeg_size(content)
    if content.startswith(_PNG):
        whole = content[12:16] == b'IHDR' and len(content) >= 24
        return struct.unpack_from('>II', content, 16) if whole else None
    match = _NETPBM.match(content)
    return (int(match[1]), int(match[2])) if match else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG, by its first frame header."""
    place = 2
    while (place := content.find(b'\xff', place)) >= 0:
        head = content[place + 1 : place + 9]
        if len(head) < 8 or head[0] == _START_OF_SCAN:
            return None
        if head[0] in _FRAMES:
            height, width = struct.unpack_from('>HH', head, 4)
            return width, height
        if head[0] == 0xFF:  # fill bytes, the last of which begins a marker
            place = _FILL_BYTES.match(content, place).end() - 1
        elif head[0] in _BARE:
            place += 2
        else:
            place += 2 + (head[1] << 8 | head[2])
    return None


def open_image(content: bytes) -> Image.Image:
    """Open an encoded image by Pillow; nothing is decoded yet.

    Raises:
        TooManyPixelsError: It is above the limit.
        OSError: It is no image.
    """
    size = _size_in_header(content)
    if size is not None:
        check_size(*size)
    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise OSError('cannot identify its format') from None
    except Exception as error:  # damaged headers make Pillow raise many kinds
        raise OSError(f'its header is damaged: {error}'[:200]) from None
    check_size(*image.size)
    return image


def limit_decoding() -> None:
    """Let :func:`mmcv.imfrombytes` refuse images above the limit."""
    decode = mmcv.imfrombytes
    # The limit of this module, checked before decoding, takes its place.
    Image.MAX_IMAGE_PIXELS = None
    if hasattr(decode, '__wrapped__'):
        return

    @functools.wraps(decode)
    def imfrombytes(content: bytes, *args, **kwargs):
        check_pixels(content)
        return decode(content, *args, **kwargs)

    for module in (mmcv.image.io, mmcv.image, mmcv):
        module.imfrombytes = imfrombytes
