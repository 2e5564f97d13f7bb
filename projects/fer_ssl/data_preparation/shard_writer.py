"""Write tar shards, see :mod:`fer_ssl.datasets.containers.tar_shards`."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import os.path as osp
import tarfile
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from mmengine import fileio

from ..datasets.containers.tar_shards import (
    FORMAT,
    MANIFEST,
    PROGRESS,
    ROW,
    SHARD_FORM,
    Shard,
    ShardsManifest,
    check_shards,
    index_path,
)
from ..datasets.unreadable_images import describe_failure
from ..labels import IGNORE_LABEL
from ..utils.data_files import COUNT, check_form, read_json
from ..utils.files import make_folder, whole_file, write_json
from ..utils.progress import ProgressBar

_PROGRESS_FORM = dict(
    recipe=dict, next_item=COUNT, skipped=[str], shards=[SHARD_FORM]
)


def write_shards(
    dataset,
    folders: Sequence[str],
    shard_size: int = 10**9,
    on_unreadable: str = 'raise',
) -> ShardsManifest:
    """Copy the encoded images of a dataset into shards.

    The same call writes the same files, as the content depends only on the
    dataset. After an interruption, another call continues after the last
    complete shard.

    Args:
        dataset: Any object with a length, ``metainfo['classes']`` and
            ``get_data_info(i)``, which returns ``img_path`` (a file or an
            address in an archive), ``gt_label`` and, for all items or none,
            ``box``. With ``subset='unlabeled'``, labels are stored as ground
            truth only, not for training.
        folders: n folders to write to. Shard ``k`` goes to folder ``k mod n``,
            and the manifest to the first one.
        shard_size: Size in bytes after which a shard ends.
        on_unreadable: ``'raise'``, or ``'skip'`` to leave out and list images
            whose file cannot be read or is empty. Nothing is decoded.

    Raises:
        FileExistsError: The folder holds finished shards.
        OSError: A file cannot be written; ``filename`` names it.
        ValueError: An image cannot be read, only some faces have a box or are
            unlabeled, or the folder holds unfinished shards of another
            dataset or is not writable.
    """
    folders = [osp.abspath(folder) for folder in folders]
    for folder in folders:
        make_folder(folder)
    manifest = osp.join(folders[0], MANIFEST)
    if osp.exists(manifest) and not osp.exists(osp.join(folders[0], PROGRESS)):
        raise FileExistsError(
            f'{manifest}: the folder holds finished shards. Delete them, or '
            'write to another folder.'
        )
    writer = _Writer(dataset, folders, shard_size, on_unreadable)
    return writer.run()


class _Writer:
    """State of the writing: the finished shards and the next item."""

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
        """Load the state of an interrupted run."""
        path = osp.join(self.folders[0], PROGRESS)
        if not osp.exists(path):
            return
        done = read_json(path)
        check_form(path, done, _PROGRESS_FORM)
        if done['recipe'] != self.recipe:
            raise ValueError(
                f'{path}: the folder holds unfinished shards of another '
                'dataset or of other arguments. Repeat that call, or delete '
                'the files.'
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
        """Append a sample; return its index row, or None if unreadable."""
        item = self.dataset.get_data_info(number)
        path, truth, box = item['img_path'], item['gt_label'], item.get('box')
        label = IGNORE_LABEL if self.unlabeled else truth
        if (box is not None) != self.has_boxes:
            raise ValueError(
                f'{path}: only some faces have a box. Write those with and '
                'those without a box to separate shards.'
            )
        try:
            image = fileio.get(path)
            if not image:
                raise OSError('the file is empty')
        except OSError as error:
            if not self.skip:
                raise ValueError(
                    f'{describe_failure(path, error)} Leave out such images '
                    'with --skip-unreadable.'
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
    """Return whether the labels of a dataset must not be used for training.

    Raises:
        ValueError: It is a ``ConcatDataset`` with parts of either kind.
    """
    parts = getattr(dataset, 'datasets', [dataset])
    kinds = {getattr(x, 'subset', None) == 'unlabeled' for x in parts}
    if len(kinds) > 1:
        raise ValueError(
            'Only some of the data sets are unlabeled. Write labeled and '
            'unlabeled ones to separate shards.'
        )
    return kinds.pop()


class _HashingFile:
    """Output file that tracks the size and hash of what is written."""

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
    """Append a member and return the byte offset of its content."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
    blocks = -(-len(content) // tarfile.BLOCKSIZE)
    return tar.offset - blocks * tarfile.BLOCKSIZE


def extension_of(image: bytes) -> str:
    """Return the extension by which ``webdataset`` chooses the decoder."""
    for magic, extension in (
        (b'\xff\xd8', 'jpg'),
        (b'\x89PNG', 'png'),
        (b'RIFF', 'webp'),
        (b'BM', 'bmp'),
    ):
        if image.startswith(magic):
            return extension
    return 'img'
