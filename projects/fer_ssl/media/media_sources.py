"""Images, videos and webcams that a user names, in any form."""

from __future__ import annotations

import glob
import os
import os.path as osp
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ..utils.folder_walk import describe_unread, is_leftover
from ..utils.placeholders import check_file
from ..utils.warn_once import warn_once
from .image_limit import open_image
from .open_media import VIDEO_TYPES
from .read_image import IMAGE_TYPES, read_image
from .video_file import VideoFile


@dataclass
class MediaSource:
    """An image, a video or a webcam.

    Attributes:
        kind: ``'image'``, ``'video'`` or ``'webcam'``.
        name: Path of the file, ``'webcam_N'``, or ``'array_N'`` for the N-th
            input (from 1) if that is an array.
        place: Path of the file, number of the webcam, or BGR image, uint8
            (H, W, 3).
        problem: Why it cannot be used, else ''.
    """

    kind: str
    name: str
    place: str | int | np.ndarray
    problem: str = ''

    @property
    def stem(self) -> str:
        """Name without folder and extension."""
        return osp.splitext(osp.basename(osp.abspath(self.name)))[0]

    def read(self) -> np.ndarray:
        """Return the pixels of an image, BGR uint8 (H, W, 3).

        Raises:
            ValueError: It cannot be read; the message names it.
        """
        if isinstance(self.place, np.ndarray):
            return self.place
        try:
            return read_image(self.place)
        except OSError as error:
            reason = error.strerror or error
            raise ValueError(
                f'{self.name}: not a readable image ({reason}).'
            ) from None


def list_sources(inputs: Any) -> list[MediaSource]:
    """List the images, videos and webcams that a user names.

    Args:
        inputs: One of the following, or a list of them: the path of an image
            or a video; a folder, whose images and videos are listed without
            those in subfolders; a pattern with ``*``, ``?`` or ``**``; the
            number of a webcam, also as text; a BGR or gray image of NumPy,
            uint8 (H, W, 3), (H, W) or (H, W, 4), or several of one size,
            uint8 (N, H, W, 3); an image of Pillow.

    Returns:
        The sources in the order of the inputs. If one of several inputs does
        not exist or has the wrong type, it is there with its ``problem``.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: There is neither an image nor a video, or the only input
            cannot be used.
    """
    is_list = isinstance(inputs, (list, tuple))
    entries = list(inputs) if is_list else [inputs]
    sources: list[MediaSource] = []
    for number, entry in enumerate(entries, 1):
        try:
            sources += _sources_of(entry, number)
        except (FileNotFoundError, ValueError) as error:
            if len(entries) == 1:
                raise
            sources.append(MediaSource('image', str(entry), '', str(error)))
    if not sources:
        raise ValueError('no image, video or webcam was named.')
    return sources


def _sources_of(entry: Any, number: int) -> Iterator[MediaSource]:
    if isinstance(entry, Image.Image):
        # Pillow has RGB, OpenCV and NumPy users of OpenMMLab have BGR.
        entry = np.asarray(entry.convert('RGB'))[..., ::-1]
    if isinstance(entry, np.ndarray):
        images = entry if entry.ndim == 4 else [entry]
        for i, image in enumerate(images, 1):
            name = f'array_{number}' + (f'_{i}' if entry.ndim == 4 else '')
            yield MediaSource('image', name, _bgr(image, name))
        return
    if isinstance(entry, int) and not isinstance(entry, bool):
        yield MediaSource('webcam', f'webcam_{entry}', entry)
        return
    if not isinstance(entry, (str, os.PathLike)):
        raise ValueError(
            f'input {number} is of type {type(entry).__name__}. Give a path, '
            'a pattern, the number of a webcam, an array, or a list of these.'
        )
    path = os.fspath(entry)
    if osp.isfile(path):
        yield MediaSource(_kind_of(path), path, path)
    elif osp.isdir(path):
        yield from _list_folder(path)
    elif path.isdecimal():
        yield MediaSource('webcam', f'webcam_{int(path)}', int(path))
    elif '://' in path:
        raise ValueError(
            f'{path}: URLs are not supported. Download the file first and '
            'name it.'
        )
    elif glob.has_magic(path):
        found = [
            x
            for x in sorted(glob.glob(path, recursive=True))
            if osp.isfile(x) and not is_leftover(osp.basename(x))
        ]
        if not found:
            raise FileNotFoundError(f'{path}: no file matches this pattern.')
        yield from (MediaSource(_kind_of(x), x, x) for x in found)
    else:
        raise FileNotFoundError(
            f'{path}: no such file or folder. Name an image, a video, a '
            'folder of these, or the number of a webcam.'
        )


def _kind_of(path: str) -> str:
    extension = _extension(path)
    if extension in IMAGE_TYPES:
        return 'image'
    if extension in VIDEO_TYPES:
        return 'video'
    try:
        with open(path, 'rb') as file:
            open_image(file.read(1 << 20)).close()  # its header
        return 'image'
    except OSError:
        pass
    try:
        VideoFile(path)
    except ValueError as error:
        check_file(path)
        raise ValueError(
            f'{path}: neither an image nor a video that can be read.'
        ) from error
    return 'video'


def _extension(path: str) -> str:
    return osp.splitext(path)[1][1:].lower()


def _list_folder(folder: str) -> Iterator[MediaSource]:
    others: Counter[str] = Counter()
    folders = 0
    sources = []
    for name in sorted(os.listdir(folder)):
        path = osp.join(folder, name)
        if is_leftover(name):
            continue
        if osp.isdir(path):
            folders += 1
        elif _extension(name) in (*IMAGE_TYPES, *VIDEO_TYPES):
            sources.append(MediaSource(_kind_of(path), path, path))
        else:
            others[osp.splitext(name)[1].lower()] += 1
    unread = describe_unread(others, 'images or videos')
    if folders:
        pattern = osp.join(folder, '**', '*.jpg')
        unread += (
            f' Its {folders} subfolders are not searched; name a pattern such '
            f'as {pattern!r} for that.'
        )
    if not sources:
        raise ValueError(
            f'{folder}: no image and no video in this folder. {unread}'.strip()
        )
    if unread:
        warn_once(f'{folder}: {unread.strip()}')
    yield from sources


def _bgr(image: np.ndarray, name: str) -> np.ndarray:
    """Return an array as a BGR image, uint8 (H, W, 3)."""
    shape = image.shape
    channels = shape[2] if image.ndim == 3 else 1
    if (
        image.dtype != np.uint8
        or image.ndim not in (2, 3)
        or channels not in (1, 3, 4)
        or not image.size
    ):
        raise ValueError(
            f'{name}: an array {image.dtype} {shape} is not an image. Give '
            'BGR or gray pixels, uint8 (H, W, 3) or (H, W).'
        )
    if channels == 1:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(image[..., :3])
