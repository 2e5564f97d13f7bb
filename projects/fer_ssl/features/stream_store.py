"""What the tools share that make a stream of features beside the student's."""

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
from ..utils.progress import ProgressBar

_MOST_NAMED = 5


def build_video_dataset(
    cfg: Config, splits: Sequence[str] | None = None
) -> BaseVideoDataset:
    """The videos of ``cfg.extract_dataloader``.

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
    """Number of frames of each video, by name."""
    lengths = np.diff(dataset.offsets).tolist()
    return dict(zip(dataset.video_names, lengths))


def find_files(
    folder: str, names: Iterable[str], types: Sequence[str]
) -> dict[str, str]:
    """File of each video, by the name of the video.

    Looked for in the folder and all below it: ``<name>.<type>``, or else that
    of the source, as ``video5_left`` is a person in ``video5``.

    Args:
        folder: The folder.
        names: Names of videos, possibly with folders in them.
        types: File name extensions, lower case, without the dot.

    Returns:
        Paths of those that were found.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: A video has several files.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(
            f'{folder}: no such folder. Name the one that holds a file per '
            'video.'
        )
    paths: dict[str, list[str]] = {}
    for home, _, files in sorted(os.walk(folder)):
        for file in sorted(files):
            stem, kind = osp.splitext(file)
            if kind[1:].lower() not in types or file.startswith('.'):
                continue
            path = osp.join(home, file)
            inside = osp.splitext(osp.relpath(path, folder))[0]
            for key in {stem, inside.replace(os.sep, '/')}:
                paths.setdefault(key, []).append(path)
    found, several = {}, []
    for name in names:
        stem = name.rsplit('/', 1)[-1]
        keys = name, stem, source_video(stem)
        candidates = next((paths[key] for key in keys if key in paths), [])
        if len(candidates) > 1:
            several.append(f'{name}: {" and ".join(candidates)}')
        if candidates:
            found[name] = candidates[0]
    if several:
        raise ValueError(
            f'{folder}: several files for {some(several)}. Leave one of them '
            'in the folder, or name the type to read by --types.'
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
        folder: Where the files were looked for.
        names: Names of all videos.
        files: File of each video that has one.
        allow_missing: Whether some may have none. All may never.
    """
    missing = [name for name in names if name not in files]
    if missing and not (allow_missing and files):
        raise FileNotFoundError(
            f'{folder}: no file for {some(missing)}. Is it the right folder? '
            '--allow-missing takes videos without a file as videos without '
            'this stream, as long as there is any.'
        )


def some(names: Sequence[str]) -> str:
    """'3 videos (a, b, c)', with the first few of many."""
    shown = ', '.join(names[:_MOST_NAMED])
    shown += ', ...' if len(names) > _MOST_NAMED else ''
    return f'{len(names)} video{"s" * (len(names) != 1)} ({shown})'


def stream_recipe(
    tool: str, lengths: Mapping[str, int], files: Mapping[str, str], **settings
) -> dict:
    """All that a stream depends on.

    Files are told apart by name, size and time of change, not by content:
    hours of video would have to be read for that.
    """
    stamps = []
    for name, length in lengths.items():
        path = files.get(name)
        stamp = None
        if path is not None:
            state = os.stat(path)
            stamp = osp.basename(path), state.st_size, state.st_mtime_ns
        stamps.append((name, length, stamp))
    digest = hashlib.sha256(json.dumps(stamps).encode()).hexdigest()
    return dict(tool=tool, files_sha256=digest, **settings)


def is_up_to_date(out: str, recipe: dict) -> bool:
    """Whether a finished store of this recipe is there."""
    return (read_index(out) or {}).get('recipe') == recipe


def write_stream(
    out: str,
    recipe: dict,
    lengths: Mapping[str, int],
    streams: Iterable[tuple[np.ndarray, np.ndarray]],
) -> FeatureStore:
    """Write a store, video by video, and print how much of it is valid.

    Args:
        out: Folder of the store.
        recipe: Of :func:`stream_recipe`.
        lengths: Number of frames T of each video, by name.
        streams: For each of them its features (T, D) and which of these are
            valid, bool (T,).

    Returns:
        The finished store.

    Raises:
        ValueError: No video has a valid frame.
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
            f'{out}: no frame of {some(without)} has this stream, so there '
            'is nothing to store. Are these the right files?'
        )
    writer.flush()
    writer.finish(dict(recipe=recipe, videos=videos))
    print(f'{out}: {num_valid:,} of {num_frames:,} frames are valid.')
    if without:
        print(f'No frame of {some(without)} is.')
    return FeatureStore(out)
