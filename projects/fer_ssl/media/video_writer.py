"""Writing of video files."""

from __future__ import annotations

import os
import os.path as osp
import time
from contextlib import ExitStack
from fractions import Fraction

import cv2
import numpy as np

from ..utils.files import whole_path
from .open_media import import_av

_TICKS = 90000  # per second


def check_not_overwritten(source: str | int, target: str) -> None:
    """Refuse to write a video over the one that is read.

    Args:
        source: The video that is read, or the number of a webcam.
        target: The file to write.

    Raises:
        ValueError: If both are the same file.
    """
    if isinstance(source, int) or not osp.isfile(source):
        return
    if osp.exists(target) and osp.samefile(source, target):
        raise ValueError(
            f'{source}: the overlay would overwrite this video. Choose '
            'another folder for the results.'
        )


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


def record_camera(
    number: int, path: str, seconds: float | None = None
) -> None:
    """Record a webcam until Ctrl-C, or for a given time.

    Args:
        number: Number of the webcam; 0 is the first one.
        path: File to write.
        seconds: Duration; ``None`` records until Ctrl-C.

    Raises:
        ValueError: If there is no such webcam, or it gives no frames.
    """
    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        raise ValueError(
            f'webcam {number} cannot be opened. Is it connected, and not in '
            'use by another program?'
        )
    until = f'for {seconds:g} seconds' if seconds else 'until Ctrl-C'
    print(f'Recording webcam {number} to {path} {until}.')
    start = None
    with VideoWriter(path, camera.get(cv2.CAP_PROP_FPS) or 25.0) as writer:
        try:
            while True:
                found, image = camera.read()
                if not found:
                    break
                now = time.monotonic()
                start = now if start is None else start
                writer.write(image, now - start)
                if seconds is not None and now - start >= seconds:
                    break
        except KeyboardInterrupt:
            print()  # ends the line with ^C
        finally:
            camera.release()
    if start is None:
        raise ValueError(f'webcam {number} gives no frames.')
