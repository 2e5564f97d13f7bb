"""Sound tracks of video and sound files, read with PyAV.

Its wheels carry FFmpeg, so nothing has to be installed beside them. The
loader of torchaudio needs an FFmpeg of the system since version 2.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .open_media import is_sound_file, open_media

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer

# Time stamps of containers are rounded; more than this is a jump.
_JUMP = 0.05


class MediaInfo(NamedTuple):
    """What the header of a file says.

    Attributes:
        has_sound: Whether there is a sound track.
        fps: Frames per second of the video; None in a sound file.
        num_frames: Number of frames of the video, None where not known.
    """

    has_sound: bool
    fps: float | None = None
    num_frames: int | None = None


def media_info(path: str) -> MediaInfo:
    """Read the header of a video or a sound file.

    Raises:
        ValueError: It is neither; the message names the file.
    """
    with open_media(path, _CURE) as media:
        has_sound = bool(media.streams.audio)
        if is_sound_file(path) or not media.streams.video:
            return MediaInfo(has_sound)
        video = media.streams.video[0]
        if not video.average_rate:
            return MediaInfo(has_sound)
        fps = float(video.average_rate)
        num_frames = video.frames or None
        if num_frames is None and media.duration:
            # Matroska, for one, does not count frames.
            num_frames = round(media.duration / 1e6 * fps)
        return MediaInfo(has_sound, fps, num_frames)


def read_sound_track(path: str, sample_rate: int) -> np.ndarray:
    """Sound of a file, the mean of its channels, on the clock of its video.

    Sample i belongs to the time i / sample_rate after the first video frame,
    by the time stamps of the file: sound that begins late, or that has gaps,
    stays aligned.

    Args:
        path: Video or sound file. Of several sound tracks the first is read.
        sample_rate: Samples per second of the result.

    Returns:
        Float32 (n,), NaN where nothing was recorded; n = 0 without a sound
        track, or with an empty one.

    Raises:
        ValueError: The file cannot be read; the message names it.
    """
    with open_media(path, _CURE) as media:
        if not media.streams.audio:
            return np.zeros(0, np.float32)
        begin = 0.0
        if media.streams.video and not is_sound_file(path):
            video = media.streams.video[0]
            begin = float((video.start_time or 0) * (video.time_base or 0))
        segments = _decode(media, sample_rate, path)
    placed = [
        (round((start - begin) * sample_rate), samples)
        for start, samples in segments
    ]
    length = max((first + len(part) for first, part in placed), default=0)
    sound = np.full(max(length, 0), np.nan, np.float32)
    for first, samples in placed:
        samples = samples[max(-first, 0) :]
        first = max(first, 0)
        sound[first : first + len(samples)] = samples
    return sound


_CURE = (
    'Is the file complete? Fetch it again, or convert it by '
    '`ffmpeg -i FILE -vn -ac 1 -ar 16000 NAME.wav`.'
)


def _decode(
    media: InputContainer, sample_rate: int, path: str
) -> list[tuple[float, np.ndarray]]:
    """(time of the first sample, samples (n,)) of every unbroken stretch."""
    import av

    segments: list[tuple[float, list[np.ndarray]]] = []
    form = resampler = damage = None
    clock = 0.0
    for packet in _packets(media, path):
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            damage = error
            continue  # a gap, as the next packet has its time
        for frame in frames:
            time = clock if frame.time is None else frame.time
            new_form = frame.sample_rate, frame.layout.name, frame.format.name
            if new_form != form or abs(time - clock) > _JUMP:
                if resampler is not None:
                    segments[-1][1].extend(_mono(resampler.resample(None)))
                resampler = av.AudioResampler('fltp', rate=sample_rate)
                segments.append((time, []))
                form, clock = new_form, time
            clock += frame.samples / frame.sample_rate
            segments[-1][1].extend(_mono(resampler.resample(frame)))
    if resampler is not None:
        segments[-1][1].extend(_mono(resampler.resample(None)))
    elif damage is not None:
        raise ValueError(
            f'{path}: its sound track cannot be decoded ({damage.strerror}). '
            f'{_CURE}'
        )
    return [
        (time, np.concatenate(samples))
        for time, samples in segments
        if samples
    ]


def _packets(media: InputContainer, path: str) -> Iterator[Packet]:
    import av

    try:
        yield from media.demux(media.streams.audio[0])
    except av.error.FFmpegError as error:
        raise ValueError(
            f'{path}: cannot be read to its end ({error.strerror}). {_CURE}'
        ) from None


def _mono(frames: list) -> list[np.ndarray]:
    """Mean of the channels; FFmpeg's own mix of two is 3 dB louder."""
    return [frame.to_ndarray().mean(axis=0) for frame in frames]
