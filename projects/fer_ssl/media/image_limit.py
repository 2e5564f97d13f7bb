"""A limit on the pixels of an image, checked before it is decoded.

A file of some kilobytes can hold an image of gigabytes. All data sets and
pipelines decode with mmcv, so the check is part of :func:`mmcv.imfrombytes`;
it costs some microseconds.
"""

from __future__ import annotations

import functools
import io
import os
import re
import struct

import mmcv
from PIL import Image, UnidentifiedImageError

from ..utils.placeholders import describe_placeholder

#: Pixels of the largest image, unless :data:`VARIABLE` sets another limit.
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
    """Raised for an image that is larger than the limit.

    It is an ``OSError``, since such a file counts as unreadable, and a
    ``ValueError``, since its content is wrong.
    """


def max_pixels() -> int:
    """Return the limit: ``FER_SSL_MAX_PIXELS``, 100 million by default.

    Raises:
        ValueError: If the variable is not a number of pixels.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return MAX_PIXELS
    if not re.fullmatch('[0-9]{1,15}', text):
        raise ValueError(f'{VARIABLE}={text!r:.40} is not a number of pixels.')
    return int(text)


def check_size(width: int, height: int) -> None:
    """Raise an error if an image of this size is above the limit.

    Raises:
        TooManyPixelsError: If it is above the limit.
    """
    limit = max_pixels()
    if width * height > limit:
        raise TooManyPixelsError(
            # No full stop: callers put the message in parentheses.
            f'{width} x {height} pixels, more than the limit of {limit:,}; '
            f'make the image smaller, or set {VARIABLE} to more pixels'
        )


def check_pixels(content: bytes) -> None:
    """Raise an error if the size in the header of an image is above the limit.

    Headers of JPEG, PNG and PGM are parsed here, since these formats come by
    the million; Pillow needs 30 microseconds, as long as decoding a small
    face.

    Raises:
        TooManyPixelsError: If it is above the limit.
        OSError: If the format, and thus the size, is unknown.
    """
    size = _size_in_header(content)
    if size is not None:
        check_size(*size)
    # A JPEG or PNG without a complete header is not decoded anyway.
    elif content and not content.startswith((_JPEG, _PNG)):
        open_image(content).close()


def _size_in_header(content: bytes) -> tuple[int, int] | None:
    """Return width and height, or None if only Pillow can read them."""
    if content.startswith(_JPEG):
        return _jpeg_size(content)
    if content.startswith(_PNG):
        whole = content[12:16] == b'IHDR' and len(content) >= 24
        return struct.unpack_from('>II', content, 16) if whole else None
    match = _NETPBM.match(content)
    return (int(match[1]), int(match[2])) if match else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG from its first frame header."""
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
    """Open an encoded image with Pillow, without decoding it yet.

    Raises:
        TooManyPixelsError: If it is above the limit.
        OSError: If it is not an image.
    """
    size = _size_in_header(content)
    if size is not None:
        check_size(*size)
    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        placeholder = describe_placeholder(content[:100])
        reason = placeholder.rstrip('.') or 'cannot identify its format'
        raise OSError(reason) from None
    except Exception as error:  # Pillow raises many types here
        raise OSError(f'its header is damaged: {error}'[:200]) from None
    check_size(*image.size)
    return image


def limit_decoding() -> None:
    """Make :func:`mmcv.imfrombytes` refuse images above the limit."""
    decode = mmcv.imfrombytes
    # The limit of this module replaces the one of Pillow.
    Image.MAX_IMAGE_PIXELS = None
    if hasattr(decode, '__wrapped__'):
        return

    @functools.wraps(decode)
    def imfrombytes(content: bytes, *args, **kwargs):
        check_pixels(content)
        return decode(content, *args, **kwargs)

    for module in (mmcv.image.io, mmcv.image, mmcv):
        module.imfrombytes = imfrombytes
