"""Video and sound files, opened with PyAV.

Its wheels carry FFmpeg, so nothing has to be installed beside them.
"""

from __future__ import annotations

import os.path as osp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from av.container import InputContainer

SOUND_TYPES = ('aac', 'flac', 'm4a', 'mp3', 'oga', 'ogg', 'opus', 'wav')
VIDEO_TYPES = ('avi', 'flv', 'm4v', 'mkv', 'mov', 'mp4', 'mpg', 'ts', 'webm')


def is_sound_file(path: str) -> bool:
    """Whether a 'video' in the file would be the picture of a cover."""
    return osp.splitext(path)[1][1:].lower() in SOUND_TYPES


def import_av() -> ModuleType:
    """PyAV, or what to do where it is missing.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import av
    except ImportError:
        raise ImportError(
            'Videos and sounds are read with PyAV, which is not installed: '
            '`pip install av`, or all of requirements/optional.txt.'
        ) from None
    return av


def open_media(path: str, cure: str) -> InputContainer:
    """Open a video or a sound file.

    Args:
        path: The file.
        cure: What to do where it cannot be read, the end of the message.

    Raises:
        ImportError: PyAV is not installed.
        ValueError: It is neither.
    """
    av = import_av()
    try:
        # FFmpeg takes what stands before a colon for a protocol.
        return av.open(osp.abspath(path), metadata_errors='ignore')
    except av.error.FFmpegError as error:
        raise ValueError(
            f'{path}: neither a video nor a sound file that can be read '
            f'({error.strerror}). {cure}'
        ) from None
