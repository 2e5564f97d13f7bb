"""Reading of the sound tracks of video and sound files with PyAV.

Its wheels contain FFmpeg, so nothing else has to be installed. The loader of
torchaudio needs an FFmpeg installed on the system since version 2.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .open_media import open_media, video_stream

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer

# Time stamps in containers are rounded; a larger difference, in seconds, is a
# jump.
_JUMP = 0.05


class MediaInfo(NamedTuple):
    """Information from the header of a media file.

    Attributes:
        has_sound: Whether there is a sound track.
        fps: Frames per second of the video; None in a sound file.
        num_frames: Number of frames of the video; None if not known.
    """

    has_sound: bool
    fps: float | None = None
    num_frames: int | None = None


def media_info(path: str) -> MediaInfo:
    """Read the header of a video or a sound file.

    Raises:
        ValueError: If it is neither; the message names the file.
    """
    with open_media(path, _REMEDY) as media:
        has_sound = bool(media.streams.audio)
        video = video_stream(media)
        if video is None or not video.average_rate:
            return MediaInfo(has_sound)
        fps = float(video.average_rate)
        num_frames = video.frames or None
        if num_frames is None and media.duration:
            # Matroska, for example, stores no number of frames.
            num_frames = round(media.duration / 1e6 * fps)
        return MediaInfo(has_sound, fps, num_frames)


def read_sound_track(path: str, sample_rate: int) -> np.ndarray:
    """Read the sound of a file as mono, aligned to its video.

    Sample i belongs to the time i / sample_rate after the first video frame.
    The time stamps of the file are respected, so sound that begins late or has
    gaps stays aligned.

    Args:
        path: Video or sound file. If it has several sound tracks, the first
            is read.
        sample_rate: Samples per second of the result.

    Returns:
        Mean of the channels, float32 (n,), NaN where nothing was recorded;
        n = 0 without a sound track, or with an empty one.

    Raises:
        ValueError: If the file cannot be read; the message names it.
    """
    with open_media(path, _REMEDY) as media:
        if not media.streams.audio:
            return np.zeros(0, np.float32)
        begin = 0.0
        video = video_stream(media)
        if video is not None:
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


_REMEDY = (
    'Is the file complete? Fetch it again, or convert it with '
    '`ffmpeg -i FILE -vn -ac 1 -ar 16000 NAME.wav`.'
)


def _decode(
    media: InputContainer, sample_rate: int, path: str
) -> list[tuple[float, np.ndarray]]:
    """Decode segments without gaps: (time of the first sample, samples)."""
    import av

    segments: list[tuple[float, list[np.ndarray]]] = []
    sound_format = resampler = damage = None
    clock = 0.0
    for packet in _packets(media, path):
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            damage = error
            continue  # leaves a gap: the next packet has its own time
        for frame in frames:
            time = clock if frame.time is None else frame.time
            new_format = (
                frame.sample_rate,
                frame.layout.name,
                frame.format.name,
            )
            if new_format != sound_format or abs(time - clock) > _JUMP:
                if resampler is not None:
                    segments[-1][1].extend(_mono(resampler.resample(None)))
                resampler = av.AudioResampler('fltp', rate=sample_rate)
                segments.append((time, []))
                sound_format, clock = new_format, time
            clock += frame.samples / frame.sample_rate
            segments[-1][1].extend(_mono(resampler.resample(frame)))
    if resampler is not None:
        segments[-1][1].extend(_mono(resampler.resample(None)))
    elif damage is not None:
        raise ValueError(
            f'{path}: its sound track cannot be decoded ({damage.strerror}). '
            f'{_REMEDY}'
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
            f'{path}: cannot be read to its end ({error.strerror}). {_REMEDY}'
        ) from None


def _mono(frames: list) -> list[np.ndarray]:
    """Average the channels; FFmpeg's own mix of two is 3 dB louder."""
    return [frame.to_ndarray().mean(axis=0) for frame in frames]
