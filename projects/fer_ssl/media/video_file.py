"""Decoding of videos frame by frame, upright and with times."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .frame_times import FrameClock, frame_rate
from .open_media import open_media, video_stream

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

_REMEDY = (
    'Is the file complete? Fetch it again, or repair it with '
    '`ffmpeg -i FILE -c copy NAME.mkv`.'
)
# Larger than the number of every side-data type of FFmpeg.
_SIDE_DATA_TYPES = 64


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
        self.name = video_name(path)
        self.problems: list[str] = []
        with open_media(path, _REMEDY) as media:
            stream = video_stream(media)
            if stream is None:
                raise ValueError(f'{path}: there is no video in this file.')
            self._rate = frame_rate(stream)
            self._duration = _duration(media, stream)
            self.num_frames = stream.frames or None
            # FFmpeg takes the duration of a truncated AVI from its size.
            is_avi = media.format.name == 'avi'
            self._declared = stream.frames if is_avi else 0
            if self.num_frames is None and self._duration:
                self.num_frames = round(self._duration * self._rate)

    def __iter__(self) -> Iterator[VideoFrame]:
        self.problems = []
        number, matrix = 0, None
        with open_media(self.path, _REMEDY) as media:
            stream = video_stream(media)
            clock = FrameClock(stream)
            for frame in self._decode(media, stream, clock):
                number += 1
                if number == 1:
                    matrix = _display_matrix(frame, stream)
                time = clock.time_of(frame)
                image = frame.to_ndarray(format='bgr24')
                yield VideoFrame(number, time, _upright(image, matrix))
        if not number:
            raise ValueError(
                f'{self.path}: not a single frame can be decoded. {_REMEDY}'
            )
        if clock.jumps:
            count = len(clock.jumps)
            often = f'{count} times, first at' if count > 1 else 'at'
            self.problems.append(
                f'{self.path}: the times jump back {often} frame '
                f'{clock.jumps[0]}; such a frame is taken as the next one.'
            )
        read = clock.time + 1 / self._rate
        if self._declared - number > max(5, 0.01 * self._declared):
            self.problems.append(
                f'{self.path}: {number} of the {self._declared} frames that '
                'its header names were read. Is the file complete?'
            )
        elif self._duration and self._duration - read > max(
            0.5, 2 / self._rate, 0.01 * self._duration
        ):
            self.problems.append(
                f'{self.path}: ends after {read:.2f} of '
                f'{self._duration:.2f} seconds.'
            )

    def _decode(
        self, media: InputContainer, stream: VideoStream, clock: FrameClock
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
            if packet is not None:
                clock.add(packet)
            try:
                frames = stream.decode(packet)
            except av.error.EOFError:
                frames = []  # the decoder was flushed before
            except av.error.FFmpegError:
                frames = []
                lost += 1
                if packet is not None:
                    clock.remove(packet)
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
        # Such containers count it from 0, not from the first frame.
        begin = float((stream.start_time or 0) * stream.time_base)
        return media.duration / 1e6 - begin
    return None


def _display_matrix(
    frame: av.VideoFrame, stream: VideoStream
) -> list[int] | None:
    """Return the display matrix of a frame, row by row, or None.

    Call this for one frame only: it makes the frame and its side data refer to
    each other, so their memory is not freed before garbage collection.
    """
    from av.filter import Graph
    from av.sidedata.sidedata import Type

    # PyAV fails, or even crashes, if it lists side data of a type that it does
    # not know, such as EXIF. Therefore all others are deleted first.
    graph = Graph()
    nodes = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or stream.time_base,
        ),
        *(
            graph.add('sidedata', f'mode=delete:type={i}')
            for i in range(_SIDE_DATA_TYPES)
            if i != Type.DISPLAYMATRIX.value
        ),
        graph.add('buffersink'),
    ]
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    side_data = graph.pull().side_data
    if not len(side_data):
        return None
    return np.frombuffer(bytes(side_data[0]), np.int32).tolist()


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


def video_name(path: str) -> str:
    """Return the name of a video in results: that of its file."""
    return osp.splitext(osp.basename(osp.abspath(path)))[0]
