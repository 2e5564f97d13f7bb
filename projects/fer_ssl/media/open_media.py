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
    from av.video.stream import VideoStream

SOUND_TYPES = ('aac', 'flac', 'm4a', 'mp3', 'oga', 'ogg', 'opus', 'wav')
VIDEO_TYPES = (
    '3gp',
    'asf',
    'avi',
    'flv',
    'm2ts',
    'm4v',
    'mkv',
    'mov',
    'mp4',
    'mpeg',
    'mpg',
    'mts',
    'ogv',
    'ts',
    'webm',
    'wmv',
)


def import_av() -> ModuleType:
    """Import PyAV.

    Raises:
        ImportError: If it is not installed or too old; the message says
            how to install it.
    """
    try:
        import av
    except ImportError:
        raise ImportError(
            'Videos and sounds are read with PyAV, which is not installed. '
            'Run `pip install av`, or install requirements/optional.txt.'
        ) from None
    if not hasattr(av.stream.Stream, 'disposition'):
        raise ImportError(
            f'PyAV {av.__version__} is too old. Run `pip install -U av`; '
            'version 14.2 is the lowest.'
        )
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
    # PyAV 19 has no such option: it reads any bytes as text.
    old = int(av.__version__.partition('.')[0]) < 19
    options = dict(metadata_errors='ignore') if old else {}
    try:
        # FFmpeg would take the part before a colon for a protocol.
        return av.open(osp.abspath(path), **options)
    except av.error.FFmpegError as error:
        with open(path, 'rb') as file:
            check_placeholder(path, file.read(100))
        raise ValueError(
            f'{path}: neither a video nor a sound file that can be read '
            f'({error.strerror}). {remedy}'
        ) from None


def video_stream(media: InputContainer) -> VideoStream | None:
    """Return the video of an open file, or None if there is none.

    Pictures attached to a file, such as a cover, are streams of their own and
    may come first; so may a thumbnail of a single frame.
    """
    from av.stream import Disposition

    if osp.splitext(media.name)[1][1:].lower() in SOUND_TYPES:
        return None
    videos = [
        stream
        for stream in media.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    return min(videos, key=_is_thumbnail, default=None)


def _is_thumbnail(stream: VideoStream) -> bool:
    if stream.frames:
        return stream.frames == 1
    # Matroska counts no frames, and flags no cover that was copied into it.
    return stream.codec_context.name in ('mjpeg', 'png')
