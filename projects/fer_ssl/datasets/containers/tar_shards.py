"""Tar shards: many images in a few large files, for disks and networks.

A shard is a plain tar file in the format of the library ``webdataset``: the
members ``000000012.jpg``, ``000000012.cls`` (class index, if it is known) and
``000000012.json`` (``{"box": [left, top, right, bottom]}``, if the face has
one) form one sample. The index ``shard-000000.npy`` next to each shard says
where its images begin, so any image can be read on its own. ``shards.json``
names all shards; it is written last.
"""

from __future__ import annotations

import os.path as osp
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...labels import IGNORE_LABEL
from ...utils.data_files import COUNT, check_form, read_json, read_npy
from ...utils.open_files import DamagedFileError
from ...utils.placeholders import check_placeholder

MANIFEST = 'shards.json'
FORMAT = 'fer_ssl shards 1'
#: One row per image: offset and size of its content in the shard, training
#: label, true class if known (an unlabeled face may have one), and box.
ROW = np.dtype(
    [
        ('offset', np.int64),
        ('size', np.int64),
        ('label', np.int64),
        ('truth', np.int64),
        ('box', np.int64, (4,)),
    ]
)
PROGRESS = 'shards.partial.json'
SHARD_FORM = dict(path=str, num_images=COUNT, size=COUNT, sha256=str)
_MANIFEST_FORM = dict(
    format=str,
    classes=[str],
    has_boxes=bool,
    num_images=COUNT,
    skipped=[str],
    shards=[SHARD_FORM],
)


@dataclass
class Shard:
    """One tar file.

    Attributes:
        path: Path relative to the folder of the manifest and below it, or an
            absolute path on another disk; the file is then named
            ``shard-<number>.tar``.
        num_images: Number of images.
        size: Size of the file in bytes.
        sha256: Hash of the file.
    """

    path: str
    num_images: int
    size: int
    sha256: str


@dataclass
class ShardsManifest:
    """Content of ``shards.json``.

    Attributes:
        classes: Names of the labels.
        has_boxes: Whether the faces have boxes.
        num_images: Number of images in all shards.
        skipped: Number of images that could not be read and were left out.
        shards: The tar files, in order.
    """

    classes: list[str]
    has_boxes: bool
    num_images: int
    skipped: list[str]
    shards: list[Shard]

    @staticmethod
    def read(path: str) -> ShardsManifest:
        """Read the file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It has another format.
        """
        try:
            content = read_json(path)
            where = f'{path}: not a manifest of the form {FORMAT!r}'
            check_form(where, content, _MANIFEST_FORM)
            if content['format'] != FORMAT:
                raise ValueError(f'{where}: it is {content["format"]!r:.40}.')
            shards = [Shard(**shard) for shard in content['shards']]
            check_shards(path, shards)
        except FileNotFoundError:
            remedy = 'Run tools/dataset/make_shards.py'
            partial = osp.join(osp.dirname(path), PROGRESS)
            if osp.exists(partial):
                remedy = 'The shards are not finished: run make_shards again'
            raise FileNotFoundError(
                f'{path}: no such manifest. {remedy}.'
            ) from None
        except ValueError as error:
            raise DamagedFileError(str(error)) from None
        del content['format']
        manifest = ShardsManifest(**dict(content, shards=shards))
        there = sum(shard.num_images for shard in shards)
        if manifest.num_images != there:
            raise DamagedFileError(
                f'{path}: {manifest.num_images} images, but the shards have '
                f'{there}. Copy it again.'
            )
        return manifest


def check_shards(path: str, shards: Sequence[Shard]) -> None:
    """Refuse entries of a manifest that point to files other than shards.

    Args:
        path: The manifest, for messages.

    Raises:
        ValueError: A path leaves the folder of the manifest, or a shard is
            listed twice; the message names the entry.
    """
    seen = set()
    for number, shard in enumerate(shards):
        name = shard.path
        where = f'{path}: shards[{number}]: path {name!r:.80}'
        own_name = re.fullmatch(r'shard-[0-9]{6,}\.tar', osp.basename(name))
        if (
            '\0' in name
            or '://' in name
            or not name.endswith('.tar')
            or '..' in name.replace('\\', '/').split('/')
            or (osp.isabs(name) and not own_name)
        ):
            raise ValueError(
                f'{where} is neither a shard in the folder of the manifest '
                'nor /FOLDER/shard-<number>.tar on another disk.'
            )
        if osp.normpath(name) in seen:
            raise ValueError(f'{where} is given twice.')
        seen.add(osp.normpath(name))


def index_path(shard: str) -> str:
    """Return ``shard-000000.npy`` for ``shard-000000.tar``."""
    return f'{osp.splitext(shard)[0]}.npy'


def read_shard_index(path: str, shard: Shard) -> np.ndarray:
    """Read the index of a shard, an array of type :data:`ROW`.

    Args:
        path: The tar file.
        shard: Its entry in the manifest.

    Raises:
        FileNotFoundError: The shard or its index is missing.
        DamagedFileError: They are not the ones that the manifest describes.
    """
    index = index_path(path)
    for file in (path, index):
        if not osp.isfile(file):
            raise FileNotFoundError(
                f'{file}: no such file, though the manifest names the shard. '
                'Is the disk there? After moving shards, correct their paths '
                'in the manifest.'
            )
    if osp.getsize(path) != shard.size:
        with open(path, 'rb') as file:
            check_placeholder(path, file.peek())
        raise DamagedFileError(
            f'{path}: {osp.getsize(path)} bytes, but the manifest says '
            f'{shard.size}. Copy it again.'
        )
    try:
        rows = read_npy(index)
    except ValueError as error:
        raise DamagedFileError(f'{error} Copy it again.') from None
    if (
        rows.dtype != ROW
        or rows.shape != (shard.num_images,)
        or (rows['label'] < IGNORE_LABEL).any()
        or (rows['truth'] < IGNORE_LABEL).any()
        or (rows['offset'] < 0).any()
        or (rows['size'] < 0).any()
        # Not offset + size > end, since the sum may overflow.
        or (rows['offset'] > shard.size - rows['size']).any()
    ):
        raise DamagedFileError(
            f'{index}: not the index of a shard of {shard.num_images} images '
            f'and {shard.size} bytes. Copy it again.'
        )
    return rows
