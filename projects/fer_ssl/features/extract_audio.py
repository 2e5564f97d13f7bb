from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from multiprocessing.pool import ThreadPool

import numpy as np
from mmengine.config import Config

from ..datasets.videos.feature_store import FeatureStore
from ..media.log_mel import LogMel
from ..media.open_media import SOUND_TYPES, VIDEO_TYPES
from ..media.sound_track import media_info, read_sound_track
from .stream_store import (
    build_video_dataset,
    check_missing,
    find_files,
    is_up_to_date,
    some,
    stream_recipe,
    video_lengths,
    write_stream,
)

MEDIA_TYPES = VIDEO_TYPES + SOUND_TYPES


def extract_audio(
    cfg: Config,
    media: str,
    out: str,
    splits: Sequence[str] | None = None,
    fps: float | None = None,
    log_mel: LogMel | None = None,
    types: Sequence[str] = MEDIA_TYPES,
    allow_missing: bool = False,
    threads: int = 1,
) -> FeatureStore:
    """Store a log-mel spectrum of the sound for every frame of every video.

    The videos and their lengths are those of ``cfg.extract_dataloader``.
    Frame i (from 0) covers the time from i / fps to (i + 1) / fps; the window
    of its spectrum lies around the middle of that. Frames without sound are
    not valid: all of a video without a sound track, and those after the end
    of a sound track that is too short. They are not taken for silent.

    A finished store of the same files and settings is left as it is; any
    other is replaced.

    Args:
        cfg: Config of the temporal phase.
        media: Folder with a video or a sound file per video.
        out: Folder of the store.
        splits: Splits to extract. Defaults to the dataset's own choice.
        fps: Frames per second of all videos. Defaults to what each file says;
            sound files do not.
        log_mel: Form of the spectra.
        types: File name extensions to look for.
        allow_missing: Take a video without a file as one without sound.
        threads: Threads that decode.

    Returns:
        The finished store.

    Raises:
        FileNotFoundError: The folder, or the file of a video, is missing.
        ValueError: A file cannot be read, or does not fit the annotation.
    """
    log_mel = log_mel or LogMel()
    lengths = video_lengths(build_video_dataset(cfg, splits))
    files = find_files(media, lengths, types)
    check_missing(media, lengths, files, allow_missing)
    recipe = stream_recipe(
        'tools/extract_audio.py',
        lengths,
        files,
        fps=fps,
        sample_rate=log_mel.sample_rate,
        window=log_mel.window,
        num_mels=log_mel.num_mels,
    )
    if is_up_to_date(out, recipe):
        print(f'{out}: up to date, left as it is.')
        return FeatureStore(out)
    rates = frame_rates(files, lengths, fps)
    jobs = [
        (files.get(name), length, rates.get(name))
        for name, length in lengths.items()
    ]
    spectra = partial(_frame_spectra, log_mel)
    # FFmpeg and FFT release the lock of the interpreter.
    with ThreadPool(threads) as pool:
        return write_stream(out, recipe, lengths, pool.imap(spectra, jobs))


def frame_rates(
    files: dict[str, str], lengths: dict[str, int], fps: float | None
) -> dict[str, float]:
    """Frames per second of each video that has a file, by name.

    Args:
        files: File of each video.
        lengths: Number of annotated frames of each video.
        fps: Frames per second of all videos; ``None`` asks the files, which
            then have to have as many frames as the annotation.

    Raises:
        ValueError: A file does not say, or has another number of frames.
    """
    if fps is not None:
        return dict.fromkeys(files, fps)
    rates, silent, unequal = {}, [], []
    for name, path in files.items():
        info = media_info(path)
        rates[name] = info.fps
        if info.fps is None:
            silent.append(path)
        elif info.num_frames is not None:
            # Headers are off by a few frames at times; another rate of the
            # crops is off by half or more.
            difference = abs(info.num_frames - lengths[name])
            if difference > max(5, 0.02 * lengths[name]):
                unequal.append(
                    f'{path}: {info.num_frames} at {info.fps:.4g} per second, '
                    f'annotated {lengths[name]}'
                )
    if silent:
        raise ValueError(
            f'No frame rate in the files of {some(silent)}. Give that of '
            'the frames by --fps.'
        )
    if unequal:
        raise ValueError(
            'Another number of frames than in the annotation in the files of '
            f'{some(unequal)}. Are these the videos that the frames were '
            'taken from? If the frames were taken at another rate, give it '
            'by --fps.'
        )
    return rates


def frame_spectra(
    log_mel: LogMel, sound: np.ndarray, num_frames: int, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of the T frames of a video.

    Args:
        log_mel: Form of the spectra.
        sound: Float32 (n,), from the beginning of the video.
        num_frames: T.
        fps: Frames per second.

    Returns:
        Log-mel spectra float32 (T, M), and which are valid, bool (T,).
    """
    middle = (np.arange(num_frames) + 0.5) / fps
    centers = np.floor(middle * log_mel.sample_rate).astype(np.int64)
    return log_mel(sound, centers)


def _frame_spectra(
    log_mel: LogMel, job: tuple[str | None, int, float | None]
) -> tuple[np.ndarray, np.ndarray]:
    path, num_frames, fps = job
    sound = np.zeros(0, np.float32)
    if path is not None:
        sound = read_sound_track(path, log_mel.sample_rate)
    return frame_spectra(log_mel, sound, num_frames, fps or 1.0)
