from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from mmengine.config import Config

from ..datasets.videos.feature_store import FeatureStore
from ..utils.data_files import read_npy
from .extract_audio import MEDIA_TYPES, frame_middles
from .stream_store import (
    build_video_dataset,
    check_missing,
    files_digest,
    find_files,
    is_up_to_date,
    stream_recipe,
    video_lengths,
    write_stream,
)

INTERPOLATIONS = ('nearest', 'linear')


def import_features(
    cfg: Config,
    features: str,
    out: str,
    splits: Sequence[str] | None = None,
    rate: float | None = None,
    fps: float | None = None,
    media: str | None = None,
    interpolation: str = 'linear',
    allow_missing: bool = False,
) -> FeatureStore:
    """Store features that another program computed, one ``.npy`` per video.

    A file holds one array (R, D) of any float type, with one row per video
    frame or ``rate`` rows per second, as from wav2vec 2.0 (50) or VGGish
    (1 / 0.96); the latter are resampled, see :func:`resample_rows`. A row with
    a NaN counts as missing: frames that depend on it are not valid.

    A finished store of the same files and settings is kept; any other is
    replaced.

    Args:
        cfg: Config of the temporal phase.
        features: Folder of the files, ``<video>.npy``.
        out: Folder of the store.
        splits: Splits to import. Defaults to the dataset's own choice.
        rate: Rows per second. ``None`` means one row per video frame.
        fps: Frames per second of all videos. With ``rate``, this or ``media``
            is needed.
        media: Folder of the videos, from which the times of the frames are
            read.
        interpolation: ``'nearest'`` or ``'linear'``.
        allow_missing: Treat a video without a file as one without this
            stream.

    Returns:
        The finished store.

    Raises:
        FileNotFoundError: If the folder, or the file of a video, is missing.
        ValueError: If the content of a file is wrong; the message names it.
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f'interpolation={interpolation!r} is not one of {INTERPOLATIONS}.'
        )
    if rate is not None and (fps is None) == (media is None):
        raise ValueError(
            'With --rate, the times of the frames are needed: give either '
            '--fps, or the folder of the videos by --media.'
        )
    lengths = video_lengths(build_video_dataset(cfg, splits))
    files = find_files(features, lengths, ('npy',))
    check_missing(features, lengths, files, allow_missing)
    videos: dict[str, str] = {}
    times = [] if rate is None else [fps]
    if rate is not None and media is not None:
        videos = find_files(media, files, MEDIA_TYPES)
        check_missing(media, files, videos, allow_missing=False)
        times = files_digest(lengths, videos)
    recipe = stream_recipe(
        'tools/import_features.py',
        lengths,
        files,
        rate=rate,
        fps=times,
        interpolation=interpolation,
    )
    if is_up_to_date(out, recipe):
        print(f'{out}: up to date, nothing to do.')
        return FeatureStore(out)
    middles: dict[str, np.ndarray] = {}
    if rate is not None:
        middles = frame_middles(videos or files, lengths, fps)
    places = {
        name: None if rate is None else middles[name] * rate for name in files
    }
    streams = _streams(lengths, files, places, interpolation)
    return write_stream(out, recipe, lengths, streams)


def resample_rows(
    rows: np.ndarray, middle: np.ndarray, interpolation: str
) -> tuple[np.ndarray, np.ndarray]:
    """Resample R rows at another rate to T video frames.

    Row j covers the time from j / rate to (j + 1) / rate. With ``'nearest'``,
    a frame takes the row that covers its middle; with ``'linear'``, it is
    interpolated between the two rows whose middles are closest to its own on
    either side.

    Frames more than half a row after the last row are not valid. A shorter
    excess is allowed, since programs drop an incomplete window at the end.

    Args:
        rows: Features, float (R, D), NaN where missing.
        middle: Middle of each frame, in rows: its seconds times the rate of
            the rows, (T,).
        interpolation: ``'nearest'`` or ``'linear'``.

    Returns:
        Features, float32 (T, D), zero where not valid, and whether each frame
        is valid, bool (T,).
    """
    last = len(rows) - 1
    if interpolation == 'nearest':
        weight = np.zeros(len(middle))
        lower = np.minimum(np.floor(middle).astype(np.int64), last)
    else:
        place = np.clip(middle - 0.5, 0, last)
        lower = np.floor(place).astype(np.int64)
        weight = place - lower
    known = ~np.isnan(rows).any(axis=1)
    rows = np.where(known[:, None], rows, 0).astype(np.float32)
    upper = np.minimum(lower + 1, last)
    valid = (middle < len(rows) + 0.5) & known[lower]
    valid &= known[upper] | (weight == 0)
    weight = weight[:, None].astype(np.float32)
    features = (1 - weight) * rows[lower] + weight * rows[upper]
    return features * valid[:, None], valid


def _streams(
    lengths: Mapping[str, int],
    files: Mapping[str, str],
    places: Mapping[str, np.ndarray | None],
    interpolation: str,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield features (T, D) and validity (T,) of every video."""
    first = next(iter(files.values()))
    dim = _load(first).shape[1]
    for name, length in lengths.items():
        if name not in files:
            yield np.zeros((length, dim), np.float32), np.zeros(length, bool)
            continue
        path = files[name]
        rows, place = _load(path), places[name]
        if rows.shape[1] != dim:
            raise ValueError(
                f'{path}: rows of {rows.shape[1]} features, but {first} has '
                f'rows of {dim}. Keep the features of a single program in the '
                'folder.'
            )
        if place is None:
            if len(rows) != length:
                raise ValueError(
                    f'{path}: {len(rows)} rows, but the video has {length} '
                    'frames. If the rows have another rate, give it by --rate.'
                )
            place = np.arange(length) + 0.5
        yield resample_rows(rows, place, interpolation)


def _load(path: str) -> np.ndarray:
    """Load the array (R, D) of a file; R > 0, all values within float16."""
    rows = read_npy(path)
    if rows.dtype.kind not in 'fiu' or rows.ndim != 2 or not rows.size:
        raise ValueError(
            f'{path}: expected a numeric array of shape (rows, features), got '
            f'shape {rows.shape} and type {rows.dtype}.'
        )
    if np.nanmax(np.abs(rows), initial=0) > np.finfo(np.float16).max:
        raise ValueError(
            f'{path}: values beyond 65504 do not fit into the float16 of a '
            'store. Scale the features, for example to unit variance.'
        )
    return rows
