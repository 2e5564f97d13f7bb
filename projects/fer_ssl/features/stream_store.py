"""Code that the tools for features and further streams share."""

from __future__ import annotations

import hashlib
import json
import os
import os.path as osp
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from ..datasets.videos.base_video_dataset import BaseVideoDataset
from ..datasets.videos.feature_store import (
    FeatureStore,
    FeatureStoreWriter,
    read_index,
)
from ..datasets.videos.video_folds import source_video
from ..utils.folder_walk import walk_files
from ..utils.progress import ProgressBar

_MAX_NAMED = 5


def build_video_dataset(
    cfg: Config, splits: Sequence[str] | None = None
) -> BaseVideoDataset:
    """Build the dataset of ``cfg.extract_dataloader``.

    Args:
        cfg: Config of the temporal phase.
        splits: Splits to take. Defaults to the dataset's own choice.
    """
    dataset_cfg = dict(cfg.extract_dataloader.dataset, test_mode=True)
    if splits:
        dataset_cfg['split'] = tuple(splits)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return DATASETS.build(dataset_cfg)


def video_lengths(dataset: BaseVideoDataset) -> dict[str, int]:
    """Return the number of frames of each video, by name."""
    lengths = np.diff(dataset.offsets).tolist()
    return dict(zip(dataset.video_names, lengths))


def find_files(
    folder: str, names: Iterable[str], types: Sequence[str]
) -> dict[str, str]:
    """Find the file of each video.

    Searches the folder and its subfolders for ``<name>.<type>``, or else for
    the file of the source video: ``video5_left`` is a person in ``video5``.

    Args:
        folder: The folder.
        names: Names of videos, which may contain folders.
        types: File name extensions in lower case, without the dot.

    Returns:
        Paths of the files found, by the name of the video.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If a video has several files.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(
            f'{folder}: no such folder. Name the folder that holds one file '
            'per video.'
        )
    paths: dict[str, dict[str, str]] = {}
    for file in walk_files(folder):
        inside, extension = osp.splitext(file)
        if extension[1:].lower() in types:
            for key in {osp.basename(inside), inside.replace(os.sep, '/')}:
                found_files = paths.setdefault(key, {})
                path = osp.join(folder, file)
                # A link to a file, or to its folder, is not another one.
                found_files.setdefault(osp.realpath(path), path)
    found, several = {}, []
    for name in names:
        stem = name.rsplit('/', 1)[-1]
        keys = name, stem, source_video(stem)
        candidates = next(
            (list(paths[key].values()) for key in keys if key in paths), []
        )
        if len(candidates) > 1:
            several.append(f'{name}: {" and ".join(candidates)}')
        if candidates:
            found[name] = candidates[0]
    if several:
        raise ValueError(
            f'{folder}: several files for {name_videos(several)}. Keep one of '
            'them in the folder, or give the type to read by --types.'
        )
    return found


def check_missing(
    folder: str,
    names: Iterable[str],
    files: Mapping[str, str],
    allow_missing: bool,
) -> None:
    """Raise a FileNotFoundError if a video has no file.

    Args:
        folder: Folder in which the files were searched.
        names: Names of all videos.
        files: File of each video that has one.
        allow_missing: Whether some videos, but not all, may have no file.
    """
    missing = [name for name in names if name not in files]
    if missing and not (allow_missing and files):
        raise FileNotFoundError(
            f'{folder}: no file for {name_videos(missing)}. Is this the right '
            'folder? --allow-missing treats videos without a file as videos '
            'without this stream, if at least one video has a file.'
        )


def name_videos(names: Sequence[str]) -> str:
    """Format names for a message: '3 videos (a, b, c)', the first few only."""
    shown = ', '.join(names[:_MAX_NAMED])
    shown += ', ...' if len(names) > _MAX_NAMED else ''
    return f'{len(names)} video{"s" * (len(names) != 1)} ({shown})'


def stream_recipe(
    tool: str, lengths: Mapping[str, int], files: Mapping[str, str], **settings
) -> dict:
    """Return everything that a stream depends on."""
    digest = files_digest(lengths, files)
    return dict(tool=tool, files_sha256=digest, **settings)


def files_digest(lengths: Mapping[str, int], files: Mapping[str, str]) -> str:
    """Return a hash of the files of the videos.

    Files are identified by name, size and modification time, since hashing
    their content would mean reading hours of video.
    """
    stamps = []
    for name, length in lengths.items():
        path = files.get(name)
        stamp = None
        if path is not None:
            state = os.stat(path)
            stamp = osp.basename(path), state.st_size, state.st_mtime_ns
        stamps.append((name, length, stamp))
    return hashlib.sha256(json.dumps(stamps).encode()).hexdigest()


def is_up_to_date(out: str, recipe: dict) -> bool:
    """Return whether there is a finished store with this recipe."""
    return (read_index(out) or {}).get('recipe') == recipe


def write_stream(
    out: str,
    recipe: dict,
    lengths: Mapping[str, int],
    streams: Iterable[tuple[np.ndarray, np.ndarray]],
) -> FeatureStore:
    """Write a store video by video, and print how many frames are valid.

    Args:
        out: Folder of the store.
        recipe: Result of :func:`stream_recipe`.
        lengths: Number of frames T of each video, by name.
        streams: Features (T, D) of each video, and whether each frame is
            valid, bool (T,).

    Returns:
        The finished store.

    Raises:
        ValueError: If no video has a valid frame.
    """
    writer = FeatureStoreWriter(out)
    num_frames = sum(lengths.values())
    videos, without, row, num_valid = {}, [], 0, 0
    with ProgressBar('Videos', len(lengths)) as progress:
        for name, (features, valid) in progress.track(zip(lengths, streams)):
            if not videos:
                writer.create(num_frames, features.shape[1])
            if valid.any():
                writer.write(row + np.flatnonzero(valid), features[valid])
            else:
                without.append(name)
            videos[name] = dict(offset=row, num_frames=lengths[name])
            row += lengths[name]
            num_valid += int(valid.sum())
    if not num_valid:
        raise ValueError(
            f'{out}: no frame of {name_videos(without)} has this stream, so '
            'there is nothing to store. Are these the right files?'
        )
    writer.flush()
    writer.finish(dict(recipe=recipe, videos=videos))
    print(f'{out}: {num_valid:,} of {num_frames:,} frames are valid.')
    if without:
        print(f'No frame is valid in {name_videos(without)}.')
    return FeatureStore(out)
