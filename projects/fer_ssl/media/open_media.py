"""Opening of video and sound files with PyAV.

Its wheels contain FFmpeg, so nothing else has to be installed.
"""

from __future__ import annotations

import os.path as osp
from typing import TYPE_CHECKING

from ..utils.placeholders import check_placeholder

if TYPE_CHECKING:
    from types import ModuleType

    from av.container import InputContainer

SOUND_TYPES = ('aac', 'flac', 'm4a', 'mp3', 'oga', 'ogg', 'opus', 'wav')
VIDEO_TYPES = ('avi', 'flv', 'm4v', 'mkv', 'mov', 'mp4', 'mpg', 'ts', 'webm')


def is_sound_file(path: str) -> bool:
    """Return whether a video stream in the file would be its cover image."""
    return osp.splitext(path)[1][1:].lower() in SOUND_TYPES


def import_av() -> ModuleType:
    """Import PyAV.

    Raises:
        ImportError: If it is not installed; the message says how to.
    """
    try:
        import av
    except ImportError:
        raise ImportError(
            'Videos and sounds are read with PyAV, which is not installed. '
            'Run `pip install av`, or install requirements/optional.txt.'
        ) from None
    return av


def open_media(path: str, remedy: str) -> InputContainer:
    """Open a video or a sound file.

    Args:
        path: The file.
        remedy: What the user can do if it cannot be read; ends the message.

    Raises:
        ImportError: If PyAV is not installed.
        ValueError: If the file is neither a video nor a sound file.
    """
    av = import_av()
    try:
        # FFmpeg would take the part before a colon for a protocol.
        return av.open(osp.abspath(path), metadata_errors='ignore')
    except av.error.FFmpegError as error:
        with open(path, 'rb') as file:
            check_placeholder(path, file.read(100))
        raise ValueError(
            f'{path}: neither a video nor a sound file that can be read '
            f'({error.strerror}). {remedy}'
        ) from None
