from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing.pool import ThreadPool

import numpy as np
from mmengine.config import Config

from ..datasets.videos.feature_store import FeatureStore
from ..media.frame_times import frame_times
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
    A frame covers the time until the next one, by the times in the file or at
    a given rate; the window of its spectrum is centered on the middle of that
    interval. Frames without
    sound are not valid, rather than silent: all frames of a video without a
    sound track, and those after the end of a short sound track.

    A finished store of the same files and settings is kept; any other is
    replaced.

    Args:
        cfg: Config of the temporal phase.
        media: Folder with a video or a sound file per video.
        out: Folder of the store.
        splits: Splits to extract. Defaults to the dataset's own choice.
        fps: Frames per second of all videos. Defaults to the times of the
            frames in each file, which sound files do not have.
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
        fps=fps or 'times in the files',
        sample_rate=log_mel.sample_rate,
        window=log_mel.window,
        num_mels=log_mel.num_mels,
    )
    if is_up_to_date(out, recipe):
        print(f'{out}: up to date, nothing to do.')
        return FeatureStore(out)
    middles = frame_middles(files, lengths, fps)
    jobs = [
        (files.get(name), middles.get(name, np.zeros(length)))
        for name, length in lengths.items()
    ]
    spectra = partial(_frame_spectra, log_mel)
    # Threads suffice: FFmpeg and the FFT release the GIL.
    with ThreadPool(threads) as pool:
        return write_stream(out, recipe, lengths, pool.imap(spectra, jobs))


def frame_middles(
    files: Mapping[str, str], lengths: Mapping[str, int], fps: float | None
) -> dict[str, np.ndarray]:
    """Return the middles of the T frames of each video that has a file.

    Args:
        files: File of each video.
        lengths: Number of annotated frames T of each video.
        fps: Frames per second of all videos; ``None`` reads the times of the
            frames from the files, which must then have as many frames as the
            annotation.

    Returns:
        Seconds after the beginning of the first frame, float64 (T,), by name.

    Raises:
        ValueError: If a file has no frame rate, or another number of frames.
    """
    if fps is not None:
        return {name: (np.arange(lengths[name]) + 0.5) / fps for name in files}
    rates = {path: media_info(path).fps for path in files.values()}
    silent = [path for path, rate in rates.items() if rate is None]
    if silent:
        raise ValueError(
            f'No frame rate in the files of {name_videos(silent)}. Give the '
            'rate of the frames by --fps.'
        )
    times_of = {path: frame_times(path) for path in rates}
    middles, unequal = {}, []
    for name, path in files.items():
        times, length = times_of[path], lengths[name]
        # Annotations may be off by a few frames, but crops at another rate
        # differ by half or more.
        if abs(len(times) - length) > max(5, 0.02 * length):
            unequal.append(
                f'{path}: {len(times)} at {rates[path]:.4g} per second, '
                f'annotated {length}'
            )
            continue
        # The frame rate continues after the last frame of the file.
        after = times[-1] + np.arange(1, length + 2) / rates[path]
        edges = np.append(times, after)[: length + 1]
        middles[name] = (edges[1:] + edges[:-1]) / 2
    if unequal:
        raise ValueError(
            'The number of frames differs from the annotation in the files of '
            f'{name_videos(unequal)}. Are these the videos from which the '
            'frames were taken? If they were taken at another rate, give it '
            'by --fps.'
        )
    return middles


def frame_spectra(
    log_mel: LogMel, sound: np.ndarray, middles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the spectra of the T frames of a video.

    Args:
        log_mel: Computes the spectra.
        sound: Sound from the beginning of the video, float32 (n,).
        middles: Seconds of the middles of the frames, (T,).

    Returns:
        Log-mel spectra, float32 (T, M), and whether each is valid, bool (T,).
    """
    # The sample at the middle of each frame, whatever the last digit of a sum.
    places = np.round(middles * log_mel.sample_rate, 3)
    centers = np.floor(places).astype(np.int64)
    return log_mel(sound, centers)


def _frame_spectra(
    log_mel: LogMel, job: tuple[str | None, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    path, middles = job
    sound = np.zeros(0, np.float32)
    if path is not None:
        sound = read_sound_track(path, log_mel.sample_rate)
    return frame_spectra(log_mel, sound, middles)
