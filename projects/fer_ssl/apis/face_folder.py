"""Faces to compare an exported network with PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np

from ..media.image_limit import limit_decoding
from ..utils.folder_walk import walk_files
from .face_input import FaceInput

_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
#: Enough to compare; more would only take longer.
MAX_FACES = 256


def list_faces(folder: str) -> list[str]:
    """List the images in a folder and below.

    Args:
        folder: The folder. If it has more than 256 images, 256 are chosen, at
            equal distances in their order.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It has no images.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'{folder}: no such folder of faces.')
    names = [x for x in walk_files(folder) if x.lower().endswith(_SUFFIXES)]
    if not names:
        raise ValueError(
            f'{folder}: no images in it, of {", ".join(_SUFFIXES)}.'
        )
    chosen = np.linspace(0, len(names) - 1, min(len(names), MAX_FACES))
    return [str(Path(folder, names[i])) for i in chosen.round().astype(int)]


def read_faces(paths: Sequence[str], face_input: FaceInput) -> np.ndarray:
    """Read faces, and resize them as in the test of a network.

    Args:
        paths: Paths of the images.
        face_input: What the test does to a face.

    Returns:
        Faces, uint8 BGR (n, S, S, 3).

    Raises:
        ValueError: One of the images cannot be read.
    """
    limit_decoding()
    faces = []
    for path in map(Path, paths):
        image = None
        if path.stat().st_size:
            image = mmcv.imfrombytes(path.read_bytes())
        if image is None:
            raise ValueError(f'{path}: not an image. Remove this file.')
        faces.append(face_input.resize(image))
    return np.stack(faces)


def random_faces(side: int, count: int = 16) -> np.ndarray:
    """Return noise in place of faces, uint8 (count, side, side, 3)."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
