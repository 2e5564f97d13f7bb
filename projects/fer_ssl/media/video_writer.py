"""Writing of video files."""

from __future__ import annotations

import os
from contextlib import ExitStack
from fractions import Fraction

import cv2
import numpy as np

from ..utils.files import whole_path
from .open_media import import_av

_TICKS = 90000  # per second


class VideoWriter:
    """Writer of BGR frames with their times into an MP4 file (H.264).

    The first frame determines the size, to which all others are resized; sides
    are rounded down to even numbers, as the format requires. The file appears
    only when it is complete, and thus not after an exception.

    Args:
        path: File to write; missing folders are created.
        rate: Approximate frame rate in fps, for the header; the times of the
            frames are exact.

    Raises:
        OSError: If it cannot be written; ``filename`` is the absolute path.
    """

    def __init__(self, path: str, rate: float = 25.0) -> None:
        self.path = path
        self._rate = Fraction(rate).limit_denominator(1001)
        self._av = import_av()
        self._media = None
        self._open_files = ExitStack()
        self._last = -1

    def write(self, image: np.ndarray, seconds: float) -> None:
        """Add a BGR frame, uint8 (H, W, 3), ``seconds`` after the first."""
        if self._media is None:
            self._start(image)
        size = self._stream.width, self._stream.height
        if image.shape[1::-1] != size:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        frame = self._av.VideoFrame.from_ndarray(image, format='bgr24')
        # Times must increase, but damaged files have equal ones.
        self._last = max(round(seconds * _TICKS), self._last + 1)
        frame.pts = self._last
        frame.time_base = Fraction(1, _TICKS)
        self._media.mux(self._stream.encode(frame))

    def _start(self, image: np.ndarray) -> None:
        # FFmpeg would take the part before a colon for a protocol.
        path = os.path.abspath(self.path)
        part = self._open_files.enter_context(whole_path(path))
        self._media = self._open_files.enter_context(
            self._av.open(part, 'w', format='mp4')
        )
        self._open_files.push(self._flush)
        self._stream = self._media.add_stream('libx264', rate=self._rate)
        self._stream.height = max(image.shape[0] // 2 * 2, 2)
        self._stream.width = max(image.shape[1] // 2 * 2, 2)
        self._stream.pix_fmt = 'yuv420p'
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        # A fast preset buffers few frames in the encoder and saves memory.
        self._stream.options = dict(preset='veryfast', crf='20')

    def _flush(self, error: type | None, *_) -> None:
        if error is None:
            self._media.mux(self._stream.encode(None))

    def close(self) -> None:
        """Finish the file. Without any frame, no file is written."""
        self.__exit__(None, None, None)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *error) -> None:
        self._open_files.__exit__(*error)
