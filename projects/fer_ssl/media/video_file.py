"""Decoding of videos frame by frame, upright and with times."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..utils.folder_walk import is_leftover
from .open_media import VIDEO_TYPES, is_sound_file, open_media

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

_REMEDY = (
    'Is the file complete? Fetch it again, or repair it with '
    '`ffmpeg -i FILE -c copy NAME.mkv`.'
)


@dataclass
class VideoFrame:
    """One frame of a video.

    Attributes:
        number: Number of the frame, counted from 1 over the frames that can
            be decoded.
        time: Seconds after the first frame.
        image: Upright BGR image, uint8 (H, W, 3).
    """

    number: int
    time: float
    image: np.ndarray


class VideoFile:
    """Frames of a video file, decoded one after another.

    Each iteration decodes the file again and yields the same frames, only a
    few of which are in memory at a time. Times are read from the file, so a
    variable frame rate is supported, and the display matrix that phones write
    is applied. A damaged file ends where it cannot be read any further, which
    :attr:`problems` then reports.

    Args:
        path: The file.

    Attributes:
        name: File name without extension.
        num_frames: Number of frames according to the header, which may be off
            by a few; None if the header does not say.
        problems: Messages about what was wrong during the last iteration.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a video.
    """

    def __init__(self, path: str) -> None:
        if not osp.isfile(path):
            raise FileNotFoundError(f'{path}: no such file.')
        self.path = path
        self.name = osp.splitext(osp.basename(path))[0]
        self.problems: list[str] = []
        with open_media(path, _REMEDY) as media:
            if is_sound_file(path) or not media.streams.video:
                raise ValueError(f'{path}: there is no video in this file.')
            stream = media.streams.video[0]
            self._rate = float(stream.average_rate or 25)
            self._duration = _duration(media, stream)
            self.num_frames = stream.frames or None
            if self.num_frames is None and self._duration:
                self.num_frames = round(self._duration * self._rate)

    def __iter__(self) -> Iterator[VideoFrame]:
        self.problems = []
        first = matrix = None
        number, time = 0, -1 / self._rate
        with open_media(self.path, _REMEDY) as media:
            stream = media.streams.video[0]
            for frame in self._decode(media, stream):
                number += 1
                if number == 1:
                    matrix = _display_matrix(frame)
                if frame.time is None:
                    time += 1 / self._rate
                else:
                    first = frame.time if first is None else first
                    if number > 1 and frame.time - first < time:
                        self.problems.append(
                            f'{self.path}: the times jump back at frame '
                            f'{number}; it is taken as the next one.'
                        )
                        first = frame.time - time - 1 / self._rate
                    time = frame.time - first
                image = frame.to_ndarray(format='bgr24')
                yield VideoFrame(number, time, _upright(image, matrix))
        if not number:
            raise ValueError(
                f'{self.path}: not a single frame can be decoded. {_REMEDY}'
            )
        read = time + 1 / self._rate
        if self._duration and self._duration - read > max(
            0.5, 2 / self._rate, 0.01 * self._duration
        ):
            self.problems.append(
                f'{self.path}: ends after {read:.2f} of '
                f'{self._duration:.2f} seconds.'
            )

    def _decode(
        self, media: InputContainer, stream: VideoStream
    ) -> Iterator[av.VideoFrame]:
        """Decode all frames that can be decoded, skipping damaged packets."""
        import av

        packets, lost, marked = media.demux(stream), 0, 0
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self.problems.append(
                    f'{self.path}: cannot be read to its end '
                    f'({error.strerror}).'
                )
                packet = None
            try:
                frames = stream.decode(packet)
            except av.error.EOFError:
                frames = []  # the decoder was flushed before
            except av.error.FFmpegError:
                frames = []
                lost += 1
            for frame in frames:
                marked += bool(frame.is_corrupt)
                yield frame
            if packet is None:
                break
        for count, what in (
            (lost, 'packets that cannot be decoded'),
            (marked, 'damaged frames'),
        ):
            if count:
                self.problems.append(f'{self.path}: {count} {what}.')


def _duration(media: InputContainer, stream: VideoStream) -> float | None:
    """Return the duration in seconds by the header, or None if unknown."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if media.duration and len(media.streams) == 1:  # sound may be longer
        return media.duration / 1e6
    return None


def _display_matrix(frame: av.VideoFrame) -> list[int] | None:
    """Return the display matrix of a frame, row by row, or None.

    Call this for one frame only: it makes the frame and its side data refer to
    each other, so their memory is not freed before garbage collection.
    """
    for i in range(len(frame.side_data)):
        data = frame.side_data[i]
        if data.type.name == 'DISPLAYMATRIX':
            return np.frombuffer(bytes(data), np.int32).tolist()
    return None


def _upright(image: np.ndarray, matrix: list[int] | None) -> np.ndarray:
    """Apply a display matrix of rotations by 90 degrees and reflections.

    Pixel (x, y) is shown at (a x + c y, b x + d y), from the top left.
    """
    if matrix is None:
        return image
    a, b, _, c, d, *_ = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        image = image.transpose(1, 0, 2)
        a, d = c, b
    if a < 0:
        image = image[:, ::-1]
    if d < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)


def list_videos(source: str | int) -> list[str | int]:
    """List the videos of a source.

    Args:
        source: A video file; a folder, whose videos are listed without those
            in subfolders; or the number of a webcam.

    Returns:
        Paths of videos, or the number of the webcam.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If there is no video in the folder, or the source is a URL.
    """
    if isinstance(source, int):
        return [source]
    source = os.fspath(source)
    if source.isdecimal() and not osp.exists(source):
        return [int(source)]
    if '://' in source:
        raise ValueError(
            f'{source}: URLs are not supported. Download the video first and '
            'name the file.'
        )
    if osp.isfile(source):
        return [source]
    if not osp.isdir(source):
        raise FileNotFoundError(
            f'{source}: no such file or folder. Name a video, a folder of '
            'videos, or the number of a webcam.'
        )
    videos = [
        osp.join(source, name)
        for name in sorted(os.listdir(source))
        if osp.splitext(name)[1][1:].lower() in VIDEO_TYPES
        and not is_leftover(name)
    ]
    if not videos:
        raise ValueError(
            f'{source}: no video ({", ".join(VIDEO_TYPES)}) in this folder.'
        )
    return videos
