"""Presentation times of the frames of a video."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from .open_media import open_media, video_stream

if TYPE_CHECKING:
    import av
    from av.video.stream import VideoStream

_REMEDY = (
    'Is the file complete? Fetch it again, or give the frame rate by --fps.'
)


class FrameClock:
    """Times of the frames that a decoder gives out, in their order.

    AVI and ASF store no presentation times, and FFmpeg then numbers the
    packets in the order of the file. With B-frames, which are decoded in
    another order than they are shown, these times belong to other frames, but
    the n-th frame is still shown at the n-th smallest of them. A file whose
    packets are not in ascending order has presentation times, which are used
    as they are.

    Args:
        stream: The stream to be decoded.

    Attributes:
        time: Seconds of the last frame after the first one.
        jumps: Numbers of the frames, from 1, at which the file's times went
            back. Such a frame is taken as the next one.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context
        self._time_base = stream.time_base
        self._step = 1 / frame_rate(stream)
        self._first: float | None = None
        self._number = 0
        # Times of the packets in the decoder; None if they are not needed.
        self._waiting: deque[int] | None = deque()
        self.time = -self._step
        self.jumps: list[int] = []

    def add(self, packet: av.Packet) -> None:
        """Note the time of a packet that the decoder gets."""
        if self._waiting is None or packet.pts is None or packet.is_discard:
            return
        if self._waiting and packet.pts < self._waiting[-1]:
            self._waiting = None
        else:
            self._waiting.append(packet.pts)

    def remove(self, packet: av.Packet) -> None:
        """Forget a packet that could not be decoded."""
        if self._waiting and self._waiting[-1] == packet.pts:
            self._waiting.pop()

    def time_of(self, frame: av.VideoFrame) -> float:
        """Return the seconds of the next frame after the first one."""
        pts, waiting = frame.pts, self._waiting
        if waiting and pts is not None:
            # Frames before a key frame, or before any frame if the codec does
            # not reorder, were already shown or lost.
            if frame.key_frame or not self._codec.has_b_frames:
                while len(waiting) > 1 and waiting[0] < pts:
                    waiting.popleft()
            pts = waiting.popleft()
        return self.tick(pts)

    def tick(self, pts: int | None) -> float:
        """Return the seconds of a frame that is shown at this time stamp."""
        self._number += 1
        if pts is None:
            self.time += self._step
            return self.time
        seconds = float(pts * self._time_base)
        if self._first is None:
            self._first = seconds
        elif seconds - self._first < self.time:
            self.jumps.append(self._number)
            self._first = seconds - self.time - self._step
        self.time = seconds - self._first
        return self.time


def frame_rate(stream: VideoStream) -> float:
    """Return the mean frames per second by the header, or else 25."""
    return float(stream.average_rate or 25)


def frame_times(path: str) -> np.ndarray:
    """Read the times of all frames from the container, without decoding.

    Args:
        path: Video file.

    Returns:
        Seconds after the first frame, ascending, float64 (n,). Frames without
        a time in the file follow each other at its frame rate.

    Raises:
        ValueError: If it cannot be read or has no video; the message names
            it.
    """
    import av

    with open_media(path, _REMEDY) as media:
        stream = video_stream(media)
        if stream is None:
            raise ValueError(f'{path}: there is no video in this file.')
        clock, last = FrameClock(stream), None
        parts: list[list[int | None]] = [[]]
        try:
            for packet in media.demux(stream):
                if not packet.size or packet.is_discard or _is_hidden(packet):
                    continue
                if None not in (last, packet.dts) and packet.dts < last:
                    parts.append([])  # the times jump back, as if files were
                last = packet.dts  # concatenated
                parts[-1].append(packet.pts)
        except av.error.FFmpegError:
            pass  # the file ends here, also for the decoder
    times = [
        clock.tick(pts)
        for part in parts
        for pts in (part if None in part else sorted(part))
    ]
    if not times:
        raise ValueError(f'{path}: there is not a single frame. {_REMEDY}')
    return np.array(times)


def _is_hidden(packet: av.Packet) -> bool:
    """Return whether this is a frame of VP8 that is never shown."""
    is_vp8 = packet.stream.codec_context.name in ('vp8', 'libvpx')
    return is_vp8 and not bytes(packet)[0] & 0x10  # show_frame, RFC 6386
