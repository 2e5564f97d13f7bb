"""RecordIO, the container that MXNet and InsightFace ship faces in.

``train.rec`` is a sequence of records as dmlc-core writes them, and
``train.idx`` a text file with lines ``key<TAB>byte``. A record is a sequence
of parts: the magic number, a word with 3 bits for the type of the part and 29
bits for its length, the bytes, and zeros up to a multiple of four. A record
that contains the magic number is split there into several parts, and the
number is left out.
"""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from ...utils.files import whole_file, whole_path
from ...utils.open_files import DamagedFileError, OpenFiles
from ...utils.placeholders import check_placeholder

MAGIC = struct.pack('<I', 0xCED7230A)
_FRAME = struct.Struct('<4sI')
_LENGTH_BITS = 29
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
#: MXNet's IRHeader: number of labels that follow, label, two identifiers.
_HEADER = struct.Struct('<IfQQ')


@dataclass
class ImageRecord:
    """Content of a record.

    Attributes:
        labels: float32 (L,); for faces, the index of the person.
        image: Encoded image, usually JPEG. Empty in the header of the file and
            in the records of people.
    """

    labels: np.ndarray
    image: bytes


class RecordIOFile:
    """Random access to the records of ``train.rec``.

    Objects can be used after a fork and in threads.

    Args:
        path: The file of the records. The index is next to it, with the
            extension ``.idx``.

    Raises:
        FileNotFoundError: The index is missing.
        ValueError: The index is malformed (the message names file and line).
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._files = OpenFiles()
        self.index_path = index_path(path)
        #: All keys, ascending, int64 (N,), and where their records begin.
        self.keys, self.offsets = read_index(self.index_path)

    def offset_of(self, key: int) -> int:
        """Return the byte at which the record of ``key`` begins.

        Raises:
            DamagedFileError: The index has no such key.
        """
        place = np.searchsorted(self.keys, key)
        if place == len(self.keys) or self.keys[place] != key:
            raise DamagedFileError(
                f'{self.index_path}: no key {key} among its {len(self.keys)} '
                f'lines; {self.path} belongs to another index.'
            )
        return int(self.offsets[place])

    def read(self, key: int) -> ImageRecord:
        """Read the record of ``key``.

        Raises:
            DamagedFileError: There is no such key, or the record is damaged.
        """
        return read_image_record(
            self._files, self.path, self.offset_of(key), key
        )

    def image_keys(self) -> np.ndarray:
        """Return the keys of the images, ascending, int64 (M,).

        If record 0 is a header (labels and no image), its first label is the
        first key after the images, which begin at key 1; the records from that
        key on describe people. Otherwise every record is an image.

        Raises:
            DamagedFileError: The header does not match the index, or the file
                ends before its last record.
        """
        size, last = self._files.size(self.path), self.offsets.max()
        if last >= size:
            check_placeholder(
                self.path, self._files.read(self.path, 0, min(size, 100))
            )
            raise DamagedFileError(
                f'{self.path}: byte {last}: a record should begin here, but '
                f'the file has {size} bytes. It is cut off, or '
                f'{self.index_path} belongs to another file: copy both again.'
            )
        if self.keys[0] != 0:
            return self.keys
        header = self.read(0)
        if header.image or not len(header.labels):
            return self.keys
        bound = self._first_identity(header.labels[0])
        first, stop = np.searchsorted(self.keys, [1, bound])
        if stop - first != bound - 1 or stop == first:
            raise DamagedFileError(
                f'{self.path}: byte {self.offset_of(0)}: the header says that '
                f'the images have the keys 1 to {bound - 1:.0f}, but '
                f'{self.index_path} has {stop - first} of them. One of the '
                'two files is incomplete: copy both again.'
            )
        return self.keys[first:stop]

    def _first_identity(self, label: np.float32) -> float:
        """Return the first key after the images, given the header's label.

        From 2**24 on, float32 cannot represent every integer. The exact key
        is then that of the first record without an image.
        """
        bound = float(label)
        if bound < 2**24 or not np.isfinite(bound):
            return bound
        error = int(np.spacing(label)) // 2
        near = np.searchsorted(self.keys, [bound - error, bound + error + 1])
        for key in self.keys[slice(*near)].tolist():
            if not self.read(key).image:
                return key
        end = int(self.keys[-1]) + 1
        # No identities follow the images, or no bound fits.
        return end if abs(end - bound) <= error else np.nan


def write_index(path: str) -> None:
    """Write the index of a ``.rec`` file, with the keys 0, 1, 2, ...

    These are the keys of the files that InsightFace publishes.

    Args:
        path: The ``.rec`` file; the index is written beside it.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: The file is damaged; the message names the byte.
    """
    files = OpenFiles()
    size, offset, key = files.size(path), 0, 0
    with whole_file(index_path(path)) as index:
        while offset < size:
            index.write(f'{key}\t{offset}\n')
            *_, (begin, length) = _record_parts(files, path, offset)
            offset = begin + length + -length % 4
            key += 1
        if offset > size:
            raise DamagedFileError(
                f'{path}: byte {begin}: {length} bytes should follow, but the '
                f'file has {size} bytes. It is cut off: copy it again.'
            )


def index_path(path: str) -> str:
    """Return ``train.idx`` for ``train.rec``."""
    return f'{os.path.splitext(path)[0]}.idx'


def read_index(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the lines ``key<TAB>byte``.

    Returns:
        Keys, ascending, and the bytes where their records begin, both int64
        (N,).

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: The file is empty, a line is malformed, or a key
            occurs twice; the message names file and line.
    """
    try:
        file = open(path, encoding='latin-1')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such index. It comes with the .rec file and must '
            'be next to it. To make it: python -c "from '
            'fer_ssl.datasets.containers.record_io import write_index; '
            "write_index('train.rec')\"."
        ) from None
    with file, warnings.catch_warnings():
        warnings.simplefilter('error')  # an empty file, 1.5 as a number
        try:
            table = np.loadtxt(
                file, np.int64, comments=None, delimiter='\t', ndmin=2
            )
        except (ValueError, Warning):
            table = np.empty((0, 0), np.int64)
    if table.shape[1] != 2 or table.min() < 0:
        raise DamagedFileError(_fault_of_index(path))
    keys, offsets = table.T
    if not (np.diff(keys) > 0).all():
        order = np.argsort(keys, kind='stable')
        keys, offsets = keys[order], offsets[order]
        twice = np.flatnonzero(np.diff(keys) == 0)
        if len(twice):
            line = order[twice[0] + 1] + 1
            raise DamagedFileError(
                f'{path}:{line}: key {keys[twice[0]]} is listed twice.'
            )
    return np.ascontiguousarray(keys), np.ascontiguousarray(offsets)


def _fault_of_index(path: str) -> str:
    """Describe the first malformed line, without NumPy."""
    number = 0
    with open(path, 'rb') as file:
        check_placeholder(path, file.peek())
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            fields = line.strip(b'\r\n').split(b'\t')
            if len(fields) != 2 or not all(
                field.isdigit() and len(field) < 20 and int(field) < 2**63
                for field in fields
            ):
                shown = line[:40].decode('ascii', 'backslashreplace').rstrip()
                return (
                    f'{path}:{number}: {shown!r} is not `key<TAB>byte`. The '
                    'index is damaged: copy it again.'
                )
    return f'{path}:{number}: the index has no line `key<TAB>byte`.'


def read_image_record(
    files: OpenFiles, path: str, offset: int, key: int | None = None
) -> ImageRecord:
    """Read the record that begins at byte ``offset``.

    Args:
        key: The key, for messages.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: No complete image record begins there; the message
            names file and byte.
    """
    record = read_record(files, path, offset)
    where = f'{path}: byte {offset}'
    if key is not None:
        where += f' (key {key})'
    if len(record) < _HEADER.size:
        raise DamagedFileError(
            f'{where}: a record of {len(record)} bytes, too short for the '
            f'header of {_HEADER.size} bytes.'
        )
    count, label, _, _ = _HEADER.unpack_from(record)
    if not count:
        labels = np.array([label], np.float32)
        return ImageRecord(labels, record[_HEADER.size :])
    stop = _HEADER.size + 4 * count
    if stop > len(record):
        raise DamagedFileError(
            f'{where}: {count} labels should follow the header, but the '
            f'record has {len(record)} bytes.'
        )
    labels = np.frombuffer(record[_HEADER.size : stop], '<f4')
    return ImageRecord(labels, record[stop:])


def read_record(files: OpenFiles, path: str, offset: int) -> bytes:
    """Read the bytes of a record, with its parts joined.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: No complete record begins there; the message names
            file and byte.
    """
    parts = _record_parts(files, path, offset)
    return MAGIC.join(files.read(path, begin, size) for begin, size in parts)


def _record_parts(
    files: OpenFiles, path: str, offset: int
) -> Iterator[tuple[int, int]]:
    """First byte and length of each part of the record at a byte."""
    expected = (_WHOLE, _FIRST)
    while True:
        magic, word = _FRAME.unpack(files.read(path, offset, _FRAME.size))
        kind, length = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
        if magic != MAGIC or kind not in expected:
            # A pointer is shorter than any file of records.
            check_placeholder(
                path, files.read(path, 0, min(files.size(path), 100))
            )
            what = 'record' if _WHOLE in expected else 'part of a record'
            raise DamagedFileError(
                f'{path}: byte {offset}: no {what} begins here (found '
                f'{magic.hex()}, kind {kind}). The file is damaged, or the '
                'index belongs to another file.'
            )
        offset += _FRAME.size
        yield offset, length
        if kind in (_WHOLE, _LAST):
            return
        offset += length + -length % 4
        expected = (_MIDDLE, _LAST)


class RecordIOWriter:
    """Writes ``PATH.rec`` and ``PATH.idx``, as a context manager.

    Both files appear at the end, and neither of them after an exception.

    Args:
        path: The ``.rec`` file.

    Raises:
        OSError: A file cannot be written; ``filename`` is its final name.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._open = ExitStack()

    def __enter__(self) -> RecordIOWriter:
        with ExitStack() as stack:
            # Both are closed, and thus complete, before either gets its name.
            index = stack.enter_context(whole_path(index_path(self.path)))
            records = stack.enter_context(whole_path(self.path))
            self._index = stack.enter_context(open(index, 'w', newline='\n'))
            self._records = stack.enter_context(open(records, 'wb'))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._open.__exit__(*error)

    def write(self, key: int, labels, image: bytes = b'') -> None:
        """Append a record.

        Args:
            labels: One number or several.
            image: The encoded image.

        Raises:
            ValueError: The record has 512 MiB or more.
        """
        self._index.write(f'{key}\t{self._records.tell()}\n')
        if np.ndim(labels):
            numbers = np.asarray(labels, '<f4')
            head = _HEADER.pack(len(numbers), 0, key, 0) + numbers.tobytes()
        else:
            head = _HEADER.pack(0, labels, key, 0)
        record = head + image
        if len(record) >> _LENGTH_BITS:
            raise ValueError(f'key {key}: records end at 512 MiB.')
        parts = _cut(record)
        for number, part in enumerate(parts):
            kind = (_MIDDLE, _FIRST, _LAST, _WHOLE)[
                (number == 0) + 2 * (number == len(parts) - 1)
            ]
            word = kind << _LENGTH_BITS | len(part)
            padding = bytes(-len(part) % 4)
            self._records.write(_FRAME.pack(MAGIC, word) + part + padding)


def _cut(record: bytes) -> list[bytes]:
    """Split at every magic number that begins at a multiple of four."""
    parts, begin, at = [], 0, record.find(MAGIC)
    while at >= 0:
        if at % 4 == 0:
            parts.append(record[begin:at])
            begin = at + 4
        at = record.find(MAGIC, at + 4 - at % 4)
    return [*parts, record[begin:]]
