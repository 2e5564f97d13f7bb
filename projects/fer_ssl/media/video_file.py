"""Videos of any kind, picture by picture: upright, with their times."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..utils.files import is_part
from .open_media import VIDEO_TYPES, is_sound_file, open_media

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_CURE = (
    'Is the file complete? Fetch it again, or repair it by '
    '`ffmpeg -i FILE -c copy NAME.mkv`.'
)


@dataclass
class Picture:
    """One picture of a video.

    Attributes:
        number: From 1, without gaps unless one could not be read.
        time: Seconds after the first picture.
        image: BGR, upright, uint8 (H, W, 3).
    """

    number: int
    time: float
    image: np.ndarray


class VideoFile:
    """Pictures of a video file, decoded one after another.

    Iterating decodes the file anew and gives the same pictures. Only a few of
    them are in memory at a time. Times are those of the file, so those of a
    variable frame rate too; a display matrix, as phones write it, has been
    applied. A damaged file ends where it cannot be read any further;
    :attr:`problems` then says so.

    Args:
        path: The file.

    Attributes:
        name: File name without extension.
        num_frames: Number of pictures as the header has it, which may be off
            by some; None where it does not say.
        problems: What was wrong, after an iteration; empty if nothing was.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no video.
    """

    def __init__(self, path: str) -> None:
        if not osp.isfile(path):
            raise FileNotFoundError(f'{path}: no such file.')
        self.path = path
        self.name = osp.splitext(osp.basename(path))[0]
        self.problems: list[str] = []
        with open_media(path, _CURE) as media:
            if is_sound_file(path) or not media.streams.video:
                raise ValueError(f'{path}: there is no video in this file.')
            stream = media.streams.video[0]
            self._rate = float(stream.average_rate or 25)
            self._duration = _duration(media, stream)
            self.num_frames = stream.frames or None
            if self.num_frames is None and self._duration:
                self.num_frames = round(self._duration * self._rate)

    def __iter__(self) -> Iterator[Picture]:
        self.problems = []
        first = matrix = None
        number, time = 0, -1 / self._rate
        with open_media(self.path, _CURE) as media:
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
                            f'{self.path}: the times jump back at picture '
                            f'{number}; it is taken as the next one'
                        )
                        first = frame.time - time - 1 / self._rate
                    time = frame.time - first
                image = frame.to_ndarray(format='bgr24')
                yield Picture(number, time, _upright(image, matrix))
        if not number:
            raise ValueError(
                f'{self.path}: not one picture can be decoded. {_CURE}'
            )
        read = time + 1 / self._rate
        if self._duration and self._duration - read > max(
            0.5, 2 / self._rate, 0.01 * self._duration
        ):
            self.problems.append(
                f'{self.path}: ends after {read:.2f} of '
                f'{self._duration:.2f} seconds'
            )

    def _decode(
        self, media: InputContainer, stream: VideoStream
    ) -> Iterator[VideoFrame]:
        """All frames that can be had, whatever is damaged."""
        import av

        packets, lost, marked = media.demux(stream), 0, 0
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self.problems.append(
                    f'{self.path}: cannot be read to its end '
                    f'({error.strerror})'
                )
                packet = None
            try:
                frames = stream.decode(packet)
            except av.error.EOFError:
                frames = []  # the end was there before
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
            (marked, 'damaged pictures'),
        ):
            if count:
                self.problems.append(f'{self.path}: {count} {what}')


def _duration(media: InputContainer, stream: VideoStream) -> float | None:
    """Seconds that the header promises, None where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if media.duration and len(media.streams) == 1:  # sound may be longer
        return media.duration / 1e6
    return None


def _display_matrix(frame: VideoFrame) -> list[int] | None:
    """Display matrix of a frame, row by row, or None.

    To be asked of one frame, not of all: its side data and the frame then
    refer to each other, so that memory waits for the garbage collector.
    """
    for i in range(len(frame.side_data)):
        data = frame.side_data[i]
        if data.type.name == 'DISPLAYMATRIX':
            return np.frombuffer(bytes(data), np.int32).tolist()
    return None


def _upright(image: np.ndarray, matrix: list[int] | None) -> np.ndarray:
    """Apply a display matrix, multiples of 90 degrees and mirrors.

    Pixel (x, y) is shown at (a x + c y, b x + d y), from above left.
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
    """Videos that a file, a folder or the number of a webcam stands for.

    Args:
        source: A video file; a folder, for each video in it (not below it);
            or the number of a webcam, left as it is.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: There is no video in the folder, or it is an address.
    """
    if isinstance(source, int):
        return [source]
    source = os.fspath(source)
    if source.isdecimal() and not osp.exists(source):
        return [int(source)]
    if '://' in source:
        raise ValueError(
            f'{source}: addresses are not opened. Fetch the video first and '
            'name the file.'
        )
    if osp.isfile(source):
        return [source]
    if not osp.isdir(source):
        raise FileNotFoundError(
            f'{source}: no such file or folder. It takes a video, a folder '
            'of videos, or the number of a webcam.'
        )
    videos = [
        osp.join(source, name)
        for name in sorted(os.listdir(source))
        if osp.splitext(name)[1][1:].lower() in VIDEO_TYPES
        and name[0] != '.'
        and not is_part(name)
    ]
    if not videos:
        raise ValueError(
            f'{source}: no video ({", ".join(VIDEO_TYPES)}) in this folder.'
        )
    return videos
