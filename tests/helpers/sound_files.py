"""Writes small sound and video files with the wave module and PyAV."""

import wave

import numpy as np


def tone(seconds, rate=16000, frequency=440.0, amplitude=0.3):
    time = np.arange(int(seconds * rate)) / rate
    wave_form = amplitude * np.sin(2 * np.pi * frequency * time)
    return wave_form.astype(np.float32)


def write_wav(path, samples, rate=16000):
    """Write mono (n,) or (channels, n) sound in [-1, 1] as 16 bits."""
    samples = np.atleast_2d(samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), 'wb') as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(rate)
        whole = np.round(samples.T * 32767).astype('<i2')
        file.writeframes(whole.tobytes())


def write_video(
    path,
    num_frames,
    fps=25,
    sound=None,
    rate=16000,
    starts=((0, 0),),
    times=None,
):
    """Write black frames, with uncompressed sound (n,).

    ``times`` are the seconds of the frames, multiples of 1 / ``fps``;
    ``starts`` are pairs (first sample of a shifted segment, time stamp that
    this sample gets in the file).
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as media:
        video = media.add_stream('mpeg4', rate=fps)
        video.width = video.height = 16
        video.pix_fmt = 'yuv420p'
        if sound is not None:
            audio = media.add_stream('pcm_s16le', rate=rate, layout='mono')
        for i in range(num_frames):
            black = np.zeros((16, 16, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(black, format='rgb24')
            frame.pts = i if times is None else round(times[i] * fps)
            media.mux(video.encode(frame))
        media.mux(video.encode(None))
        if sound is not None:
            whole = np.round(sound * 32767).astype(np.int16)
            for first in range(0, len(whole), 160):
                part = whole[None, first : first + 160]
                frame = av.AudioFrame.from_ndarray(
                    part, format='s16', layout='mono'
                )
                frame.sample_rate = rate
                begin = max(pair for pair in starts if pair[0] <= first)
                frame.pts = first - begin[0] + begin[1]
                media.mux(audio.encode(frame))
            media.mux(audio.encode(None))


def write_aac(path, samples, rate=16000, cover=None):
    """Write mono sound (n,) in [-1, 1] as AAC in an MP4 without video.

    ``cover`` is an RGB image.
    """
    import av

    with av.open(str(path), 'w') as media:
        audio = media.add_stream('aac', rate=rate, layout='mono')
        if cover is not None:
            picture = media.add_stream('mjpeg', rate=1)
            picture.height, picture.width = cover.shape[:2]
            picture.pix_fmt = 'yuvj420p'
            picture.disposition = av.stream.Disposition.attached_pic.value
            frame = av.VideoFrame.from_ndarray(cover, format='rgb24')
            frame.pts = 0
            media.mux(picture.encode(frame) + picture.encode(None))
        for i in range(0, len(samples), 1024):
            part = samples[None, i : i + 1024]
            frame = av.AudioFrame.from_ndarray(
                part, format='fltp', layout='mono'
            )
            frame.sample_rate, frame.pts = rate, i
            media.mux(audio.encode(frame))
        media.mux(audio.encode(None))
