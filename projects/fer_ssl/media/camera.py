from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from .video_file import VideoFrame
from .video_writer import VideoWriter


class Camera:
    """Frames of a webcam, as they come.

    Args:
        number: Number of the webcam; 0 is the first one.

    Attributes:
        rate: Its frame rate in fps, as it says itself.

    Raises:
        ValueError: There is no such webcam.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise ValueError(
                f'webcam {number} cannot be opened. Is it connected, and not '
                'in use by another program?'
            )
        # Otherwise a slow reader gets frames that are seconds old.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or 25.0

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield frames until the webcam ends; then it is closed.

        Raises:
            ValueError: It gives no frames at all.
        """
        start, number = None, 0
        try:
            while True:
                found, image = self._capture.read()
                if not found:
                    break
                now = time.monotonic()
                start = now if start is None else start
                number += 1
                yield VideoFrame(number, now - start, image)
        finally:
            self._capture.release()
        if start is None:
            raise ValueError(f'webcam {self.number} gives no frames.')


def record_camera(
    number: int, path: str, seconds: float | None = None
) -> None:
    """Record a webcam until Ctrl-C, or for a given time.

    Args:
        number: Number of the webcam; 0 is the first one.
        path: File to write.
        seconds: Duration; ``None`` records until Ctrl-C.

    Raises:
        ValueError: There is no such webcam, it gives no frames, or the time
            is not positive.
    """
    if seconds is not None and seconds <= 0:
        raise ValueError(f'seconds={seconds}: must be positive.')
    camera = Camera(number)
    until = f'for {seconds:g} seconds' if seconds else 'until Ctrl-C'
    print(f'Recording webcam {number} to {path} {until}.')
    with VideoWriter(path, camera.rate) as writer:
        try:
            for frame in camera:
                writer.write(frame.image, frame.time)
                if seconds is not None and frame.time >= seconds:
                    break
        except KeyboardInterrupt:
            print()  # ends the line with ^C
