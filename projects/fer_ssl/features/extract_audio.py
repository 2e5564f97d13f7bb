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
    name_videos,
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
    of its spectrum is centered on the middle of that interval. Frames without
    sound are not valid, rather than silent: all frames of a video without a
    sound track, and those after the end of a short sound track.

    A finished store of the same files and settings is kept; any other is
    replaced.

    Args:
        cfg: Config of the temporal phase.
        media: Folder with a video or a sound file per video.
        out: Folder of the store.
        splits: Splits to extract. Defaults to the dataset's own choice.
        fps: Frames per second of all videos. Defaults to the rate in each
            file, which sound files do not have.
        log_mel: Computes the spectra.
        types: File name extensions to look for.
        allow_missing: Treat a video without a file as one without sound.
        threads: Number of decoding threads.

    Returns:
        The finished store.

    Raises:
        FileNotFoundError: If the folder, or the file of a video, is missing.
        ValueError: If a file cannot be read or contradicts the annotation.
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
        print(f'{out}: up to date, nothing to do.')
        return FeatureStore(out)
    rates = frame_rates(files, lengths, fps)
    jobs = [
        (files.get(name), length, rates.get(name))
        for name, length in lengths.items()
    ]
    spectra = partial(_frame_spectra, log_mel)
    # Threads suffice: FFmpeg and the FFT release the GIL.
    with ThreadPool(threads) as pool:
        return write_stream(out, recipe, lengths, pool.imap(spectra, jobs))


def frame_rates(
    files: dict[str, str], lengths: dict[str, int], fps: float | None
) -> dict[str, float]:
    """Return the frames per second of each video that has a file, by name.

    Args:
        files: File of each video.
        lengths: Number of annotated frames of each video.
        fps: Frames per second of all videos; ``None`` reads them from the
            files, which must then have as many frames as the annotation.

    Raises:
        ValueError: If a file has no frame rate, or another number of frames.
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
            # Headers may be off by a few frames, but crops at another rate
            # differ by half or more.
            difference = abs(info.num_frames - lengths[name])
            if difference > max(5, 0.02 * lengths[name]):
                unequal.append(
                    f'{path}: {info.num_frames} at {info.fps:.4g} per second, '
                    f'annotated {lengths[name]}'
                )
    if silent:
        raise ValueError(
            f'No frame rate in the files of {name_videos(silent)}. Give the '
            'rate of the frames by --fps.'
        )
    if unequal:
        raise ValueError(
            'The number of frames differs from the annotation in the files of '
            f'{name_videos(unequal)}. Are these the videos from which the '
            'frames were taken? If they were taken at another rate, give it '
            'by --fps.'
        )
    return rates


def frame_spectra(
    log_mel: LogMel, sound: np.ndarray, num_frames: int, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the spectra of the T frames of a video.

    Args:
        log_mel: Computes the spectra.
        sound: Sound from the beginning of the video, float32 (n,).
        num_frames: Number of frames T.
        fps: Frames per second.

    Returns:
        Log-mel spectra, float32 (T, M), and whether each is valid, bool (T,).
    """
    middle = (np.arange(num_frames) + 0.5) / fps
    # The sample at the middle of each frame.
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
