"""Tar shards: many images in few large files, for disks and networks.

A shard is a plain tar file in the form of the library ``webdataset``: the
members ``000000012.jpg``, ``000000012.cls`` (number of the class, where it is
known) and ``000000012.json`` (``{"box": [left, top, right, bottom]}``, where
the face has one) are one sample. Beside each shard lies ``shard-000000.npy``,
which says where its images begin, so that any image can be read alone.
``shards.json`` names all shards; it is written last.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import os.path as osp
import re
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from mmengine import fileio

from ..labels import IGNORE_LABEL
from ..utils.data_files import COUNT, check_form, read_json, read_npy
from ..utils.files import make_folder, whole_file, write_json
from ..utils.open_files import DamagedFileError
from ..utils.progress import ProgressBar

MANIFEST = 'shards.json'
FORMAT = 'fer_ssl shards 1'
#: One row per image: bytes of its content in the shard, class to learn from
#: and class that is known (an unlabeled face may have one), box.
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
_SHARD_FORM = dict(path=str, num_images=COUNT, size=COUNT, sha256=str)
_MANIFEST_FORM = dict(
    format=str,
    classes=[str],
    has_boxes=bool,
    num_images=COUNT,
    skipped=[str],
    shards=[_SHARD_FORM],
)
_PROGRESS_FORM = dict(
    recipe=dict, next_item=COUNT, skipped=[str], shards=[_SHARD_FORM]
)


@dataclass
class Shard:
    """One tar file.

    Attributes:
        path: Relative to the folder of the manifest and in it. Or absolute,
            on another disk; the file then is named ``shard-<number>.tar``.
        num_images: Images in it.
        size: Bytes of the file.
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
        has_boxes: Whether the faces have boxes in their images.
        num_images: Images in all shards.
        skipped: Images that could not be read and were left out.
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
            ValueError: It is of another form.
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
    """Refuse entries of a manifest that lead to other files than shards.

    Args:
        path: The manifest, for messages.

    Raises:
        ValueError: A path leaves the folder of the manifest, or a shard
            stands there twice; the message names the entry.
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
                f'{where} is no shard in the folder of the manifest, nor '
                '/FOLDER/shard-<number>.tar on another disk.'
            )
        if osp.normpath(name) in seen:
            raise ValueError(f'{where} is given twice.')
        seen.add(osp.normpath(name))


def write_shards(
    dataset,
    folders: Sequence[str],
    shard_size: int = 10**9,
    on_unreadable: str = 'raise',
) -> ShardsManifest:
    """Copy the images of a dataset into shards, byte by byte.

    The content depends on the dataset alone, so that the same call gives the
    same files. Called again after an interruption, it goes on behind the last
    whole shard.

    Args:
        dataset: Anything with a length, ``metainfo['classes']`` and
            ``get_data_info(i)`` that gives ``img_path`` (a file or an address
            in an archive), ``gt_label`` and, in all items or none, ``box``.
            With ``subset='unlabeled'`` its labels are not to be learned from.
        folders: Where to write. With several, shard ``k`` goes to folder
            ``k mod n``; the manifest goes to the first.
        shard_size: Bytes after which a shard ends.
        on_unreadable: ``'raise'``, or ``'skip'``: leave out and list images
            whose file cannot be read or is empty. Nothing is decoded.

    Raises:
        FileExistsError: The folder has finished shards.
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: An image cannot be read, some faces have a box or are
            unlabeled and others not, the folder has unfinished shards of
            another dataset, or it cannot be written to.
    """
    folders = [osp.abspath(folder) for folder in folders]
    for folder in folders:
        make_folder(folder)
    manifest = osp.join(folders[0], MANIFEST)
    if osp.exists(manifest) and not osp.exists(osp.join(folders[0], PROGRESS)):
        raise FileExistsError(
            f'{manifest}: there are finished shards. Delete them, or write to '
            'another folder.'
        )
    writer = _Writer(dataset, folders, shard_size, on_unreadable)
    return writer.run()


class _Writer:
    """Work in progress: what is done, and the shard that is being written."""

    def __init__(
        self, dataset, folders: list[str], shard_size: int, on_unreadable: str
    ) -> None:
        self.dataset = dataset
        self.folders = folders
        self.shard_size = shard_size
        self.skip = on_unreadable == 'skip'
        self.classes = list(dataset.metainfo['classes'])
        self.unlabeled = is_unlabeled(dataset)
        self.has_boxes = dataset.get_data_info(0).get('box') is not None
        self.recipe = dict(
            items_sha256=self.hash_of_items(),
            classes=self.classes,
            unlabeled=self.unlabeled,
            folders=folders,
            shard_size=shard_size,
            on_unreadable=on_unreadable,
        )
        self.next_item = 0
        self.shards: list[Shard] = []
        self.skipped: list[str] = []
        self.resume()

    def hash_of_items(self) -> str:
        digest = hashlib.sha256()
        for number in range(len(self.dataset)):
            item = self.dataset.get_data_info(number)
            row = item['img_path'], item['gt_label'], item.get('box')
            digest.update(repr(row).encode())
        return digest.hexdigest()

    def resume(self) -> None:
        """Take over the whole shards of an interrupted run."""
        path = osp.join(self.folders[0], PROGRESS)
        if not osp.exists(path):
            return
        done = read_json(path)
        check_form(path, done, _PROGRESS_FORM)
        if done['recipe'] != self.recipe:
            raise ValueError(
                f'{path}: unfinished shards of another dataset or with other '
                'arguments. Repeat that call, or delete the files.'
            )
        self.next_item = done['next_item']
        self.skipped = done['skipped']
        self.shards = [Shard(**shard) for shard in done['shards']]
        check_shards(path, self.shards)
        if self.next_item > len(self.dataset):
            raise ValueError(
                f'{path}: next_item is {self.next_item}, but the dataset has '
                f'{len(self.dataset)} items. Delete the files.'
            )

    def run(self) -> ShardsManifest:
        total = len(self.dataset)
        with ProgressBar('Images', total, self.next_item) as progress:
            stream = progress.track(range(self.next_item, total))
            for first in stream:
                self.write_shard(itertools.chain([first], stream))
        manifest = ShardsManifest(
            self.classes,
            self.has_boxes,
            sum(shard.num_images for shard in self.shards),
            self.skipped,
            self.shards,
        )
        content = dict(format=FORMAT, **asdict(manifest))
        write_json(osp.join(self.folders[0], MANIFEST), content)
        partial = osp.join(self.folders[0], PROGRESS)
        if osp.exists(partial):
            os.remove(partial)
        return manifest

    def write_shard(self, numbers) -> None:
        """Write items until the shard is full."""
        place = len(self.shards)
        folder = self.folders[place % len(self.folders)]
        path = osp.join(folder, f'shard-{place:06d}.tar')
        rows = []
        with whole_file(path, 'wb') as raw:
            stream = _HashingFile(raw)
            with tarfile.open(
                fileobj=stream, mode='w', format=tarfile.USTAR_FORMAT
            ) as tar:
                for number in numbers:
                    self.next_item = number + 1
                    row = self.write_item(tar, number)
                    if row is not None:
                        rows.append(row)
                    if tar.offset >= self.shard_size:
                        break
        if not rows:  # all unreadable
            os.remove(path)
            return
        with whole_file(index_path(path), 'wb') as file:
            np.save(file, np.array(rows, dtype=ROW))
        name = path if folder != self.folders[0] else osp.basename(path)
        shard = Shard(name, len(rows), stream.size, stream.hash.hexdigest())
        self.shards.append(shard)
        progress = dict(
            recipe=self.recipe,
            next_item=self.next_item,
            skipped=self.skipped,
            shards=[asdict(shard) for shard in self.shards],
        )
        write_json(osp.join(self.folders[0], PROGRESS), progress)

    def write_item(self, tar: tarfile.TarFile, number: int) -> tuple | None:
        """Append a sample and return its row of the index."""
        item = self.dataset.get_data_info(number)
        path, truth, box = item['img_path'], item['gt_label'], item.get('box')
        label = IGNORE_LABEL if self.unlabeled else truth
        if (box is not None) != self.has_boxes:
            raise ValueError(
                f'{path}: some faces have a box and others have none. Write '
                'them into separate shards.'
            )
        try:
            image = fileio.get(path)
            if not image:
                raise OSError('the file is empty')
        except OSError as error:
            if not self.skip:
                raise ValueError(
                    f'{path}: not readable ({error}). Leave unreadable images '
                    'out with --skip-unreadable.'
                ) from error
            self.skipped.append(path)
            return None
        name = f'{number:09d}'
        offset = add_member(tar, f'{name}.{extension_of(image)}', image)
        if label != IGNORE_LABEL:
            add_member(tar, f'{name}.cls', str(label).encode())
        if box is not None:
            box = [int(x) for x in box]
            add_member(tar, f'{name}.json', json.dumps(dict(box=box)).encode())
        return offset, len(image), label, truth, tuple(box or (0, 0, 0, 0))


def is_unlabeled(dataset) -> bool:
    """Whether the labels of a dataset are not to be learned from.

    Raises:
        ValueError: Those of a part of a ``ConcatDataset`` are.
    """
    parts = getattr(dataset, 'datasets', [dataset])
    kinds = {getattr(x, 'subset', None) == 'unlabeled' for x in parts}
    if len(kinds) > 1:
        raise ValueError(
            'Some of the data sets are unlabeled and others are not. Write '
            'them into separate shards.'
        )
    return kinds.pop()


class _HashingFile:
    """A file to write to that keeps count and hash of what went through."""

    def __init__(self, file) -> None:
        self.file = file
        self.size = 0
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self.hash.update(data)
        return self.file.write(data)

    def tell(self) -> int:
        return self.size


def add_member(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Append a member and return the byte at which its content begins."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
    blocks = -(-len(content) // tarfile.BLOCKSIZE)
    return tar.offset - blocks * tarfile.BLOCKSIZE


def extension_of(image: bytes) -> str:
    """Extension by which ``webdataset`` chooses the decoder."""
    for magic, extension in (
        (b'\xff\xd8', 'jpg'),
        (b'\x89PNG', 'png'),
        (b'RIFF', 'webp'),
        (b'BM', 'bmp'),
    ):
        if image.startswith(magic):
            return extension
    return 'img'


def index_path(shard: str) -> str:
    """``shard-000000.npy`` for ``shard-000000.tar``."""
    return f'{osp.splitext(shard)[0]}.npy'


def read_shard_index(path: str, shard: Shard) -> np.ndarray:
    """Rows of the index of a shard, of type :data:`ROW`.

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
        # No sum, which may overflow.
        or (rows['offset'] > shard.size - rows['size']).any()
    ):
        raise DamagedFileError(
            f'{index}: not the index of a shard of {shard.num_images} images '
            f'and {shard.size} bytes. Copy it again.'
        )
    return rows
