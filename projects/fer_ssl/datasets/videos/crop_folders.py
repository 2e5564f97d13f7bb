"""Folders of face crops as Aff-Wild2 ships them: an image file per frame."""

from __future__ import annotations

import glob
import os
import os.path as osp
from collections.abc import Sequence

from ...utils.folder_walk import is_leftover

#: Folders of crops of Aff-Wild2; 50 videos were shipped later.
CROPS = ('cropped_aligned', 'cropped_aligned_new_50_vids')
_IMAGE_TYPES = ('jpg', 'jpeg', 'png')
# A folder with more subfolders contains videos and is not searched further.
_MOST_FOLDERS = 100


def find_root(folder: str) -> str:
    """Find the folder that contains both the annotations and the crops."""
    for root in (folder, osp.dirname(folder)):
        for depth in ('', '*'):
            pattern = osp.join(glob.escape(root), depth, 'cropped_aligned*')
            if glob.glob(pattern):
                return root
    return folder


def crop_folders(
    images: str, crops: Sequence[str] = CROPS
) -> dict[str, frozenset[str]]:
    """List the videos in each folder of crops.

    Args:
        images: Folder that contains the folders of crops, or one of them.
        crops: Names of the folders of crops, in the order of the result.

    Raises:
        FileNotFoundError: There is none of them.
    """
    if osp.basename(osp.normpath(images)) in crops:
        found = [images]
    else:
        found = find_folders(images, crops)
    if not found:
        raise FileNotFoundError(
            f'{images}: no folder named {" or ".join(crops)}, here or one '
            "level below. Set `data_prefix=dict(img_path='...')` to the "
            'folder that holds them, or `crops` of the reader to their names.'
        )
    found.sort(key=lambda path: crops.index(osp.basename(osp.normpath(path))))
    return {path: frozenset(os.listdir(path)) for path in found}


def merged_crops(
    homes: Sequence[str], video: str, images: str
) -> dict[int, str]:
    """Return the image of each frame of a video, by frame number.

    Args:
        homes: Folders of crops that have the video. If several have the same
            frame, the first one is used.
        video: Name of the video.
        images: Folder that the paths are relative to.
    """
    merged = {}
    for home in reversed(homes):  # last, so that the first folder wins
        folder = osp.join(home, video)
        prefix = f'{osp.relpath(folder, images)}/'
        crops = list_crops(folder)
        merged.update({frame: prefix + x for frame, x in crops.items()})
    return merged


def list_crops(folder: str) -> dict[int, str]:
    """Return the file of each frame of a video, by frame number.

    The folder is listed once, and no file is opened. Files other than images
    with a number as their name are ignored.

    Raises:
        ValueError: Frames do not start at 1, or a frame has two images.
    """
    frames: dict[int, str] = {}
    for name in os.listdir(folder):
        stem, _, kind = name.rpartition('.')
        if not (stem.isascii() and stem.isdigit()):
            continue
        if kind.lower() not in _IMAGE_TYPES:
            continue
        frame = int(stem)
        if not frame or frame in frames:
            other = f' and {frames[frame]}' if frame in frames else ''
            raise ValueError(
                f'{folder}: {name}{other}: frames count from 1, each with '
                'one image. Labels cannot be matched with these.'
            )
        frames[frame] = name
    return frames


def find_folders(root: str, names: Sequence[str]) -> list[str]:
    """Find folders with one of the names in ``root`` or one level below it.

    Unpacking an archive often creates a folder of the same name around the
    actual one. A folder that contains only folders with these names is
    therefore replaced by them.

    Raises:
        FileNotFoundError: There is no folder ``root``.
    """
    try:
        inside = _subfolders(root)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f'{root}: no such folder. Set `data_root` to the folder that '
            'holds annotations and crops.'
        ) from None
    found = []
    for folder in inside:
        try:
            below = _subfolders(folder) if len(inside) <= _MOST_FOLDERS else []
        except PermissionError:  # as lost+found of a disk
            below = []
        inner = [path for path in below if osp.basename(path) in names]
        found += inner
        is_wrapping = inner and len(inner) == len(below)
        if osp.basename(folder) in names and not is_wrapping:
            found.append(folder)
    return found


def _subfolders(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(
            entry.path
            for entry in entries
            if not is_leftover(entry.name) and entry.is_dir()
        )


def some_videos(names: Sequence[str]) -> str:
    """Format names as '3 videos (a, b, c)', the first few only."""
    shown = ', '.join(names[:5]) + (', ...' if len(names) > 5 else '')
    return f'{len(names)} video{"s" * (len(names) != 1)} ({shown})'
