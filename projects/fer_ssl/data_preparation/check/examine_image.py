"""Problems of single images, found with the decoder that training uses."""

from __future__ import annotations

import os
import warnings

import mmcv
from mmengine import fileio

from ...datasets.unreadable_images import IMAGE_ERRORS, backslash_hint
from ...media.image_limit import TooManyPixelsError, open_image
from ..content_hash import content_hash


def examine_image(
    path: str, depth: str, flag: str = 'color', backend: str = 'cv2'
) -> tuple[str, int]:
    """Describe the problem of an image, and hash its bytes.

    Args:
        path: Path or address of the image.
        depth: ``'exist'`` checks that it exists, ``'read'`` reads it and
            ``'decode'`` decodes it completely.
        flag: Color type for the decoder.
        backend: Decoder of :func:`mmcv.imfrombytes`, as in
            ``LoadImageFromFile``.

    Returns:
        The problem, '' if there is none, and a hash, 0 if it was not read.
    """
    try:
        if '://' not in path and depth == 'exist':
            return '' if os.stat(path).st_size else 'empty', 0
        content = fileio.get(path)
    except FileNotFoundError:
        hint = backslash_hint(path)
        return f'missing{hint and f": {hint}"}', 0
    except OSError as error:
        return f'not readable: {error}', 0
    if not content:
        return 'empty', 0
    fault = _fault_of(content, flag, backend) if depth == 'decode' else ''
    return fault, content_hash(content)


def _fault_of(content: bytes, flag: str, backend: str) -> str:
    """Say why an encoded image cannot be decoded completely, or ''."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            image = mmcv.imfrombytes(content, flag=flag, backend=backend)
        decoded, refused = image is not None, 'no image'
    except TooManyPixelsError as error:
        return f'too large: {error}'
    except (*IMAGE_ERRORS, ValueError) as error:
        decoded, refused = False, f'{error}'.strip().partition('\n')[0]
    # Where the end of a JPEG is missing, OpenCV fills the rest with gray.
    # Pillow does not, and it says what is wrong with other files.
    if decoded and content.startswith(b'\xff\xd8'):
        if content.rstrip(b'\0').endswith(b'\xff\xd9'):
            return ''
    fault = _fault_in_pillow(content)
    if fault or decoded:
        return fault
    return (
        f'unsupported: {backend}, which training reads images with, cannot '
        f'decode it ({refused}); convert it to PNG or JPEG'
    )


def _fault_in_pillow(content: bytes) -> str:
    """Say why Pillow cannot decode an image, or ''."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with open_image(content) as image:
                # Even at an eighth of its size, a JPEG is read to its end.
                size = max(image.width // 8, 1), max(image.height // 8, 1)
                image.draft('RGB', size)
                image.load()
    except Exception as error:  # decoders raise many types for damaged files
        reason = f'{error}'.partition('<')[0].strip()
        return f'damaged: {reason or type(error).__name__}'
    return ''
