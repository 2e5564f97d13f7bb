"""Files that others read later appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import os.path as osp
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, NoReturn


@contextmanager
def whole_path(path: str | os.PathLike, sync: bool = True) -> Iterator[str]:
    """Path to write to, whose file takes the place of ``path`` at the end.

    It stands beside ``path``, under ``NAME.part.EXTENSION``; two processes
    must not write the same file at the same time. Folders are made. After an
    exception there is neither the part nor, if it was not there before,
    ``path``.

    Args:
        path: The final name. A link stays one, and its target is replaced; a
            device or pipe is written to as it is.
        sync: Wait until the disk has it. Leave it out for one of many small
            files, each of which takes milliseconds.

    Raises:
        OSError: It cannot be written; ``filename`` is ``path``.
    """
    path = os.fspath(path)
    if osp.exists(path) and not osp.isfile(path) and not osp.isdir(path):
        yield path
        return
    target = osp.realpath(path)
    root, extension = osp.splitext(target)
    part = f'{root}.part{extension}'
    try:
        os.makedirs(osp.dirname(target), exist_ok=True)
        yield part
        if sync:
            _sync(part)
        if osp.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
    except BaseException as error:
        with suppress(OSError):
            os.remove(part)
        if isinstance(error, OSError) and error.filename in (None, part):
            _raise_named(error, path)
        raise


@contextmanager
def whole_file(
    path: str | os.PathLike, mode: str = 'w', sync: bool = True, **kwargs: Any
) -> Iterator[IO]:
    """Open a file that appears under its name when it is complete.

    Text is UTF-8, and newlines are written as they are.

    Args:
        path, sync: See :func:`whole_path`.
        mode: ``'w'`` or ``'wb'``.
        kwargs: More for ``open``.

    Raises:
        OSError: It cannot be written; ``filename`` is ``path``.
    """
    if 'b' not in mode:
        kwargs = dict(encoding='utf-8', newline='', **kwargs)
    with whole_path(path, sync) as part, open(part, mode, **kwargs) as file:
        yield file


@contextmanager
def file_named(path: str | os.PathLike) -> Iterator[None]:
    """Name a file that is open in an OSError that names none.

    Raises:
        OSError: With ``filename``.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            _raise_named(error, os.fspath(path))
        raise


def is_part(name: str) -> bool:
    """Whether a file is what a killed :func:`whole_path` has left."""
    return osp.splitext(name)[0].endswith('.part')


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _raise_named(error: OSError, path: str) -> NoReturn:
    """Raise the same error with the name of the file."""
    number, text = error.errno, error.strerror
    if number is None:
        if 'requested and' not in str(error):
            raise error  # not of the system: the words of a reader
        # What NumPy says of a full disk: so many requested and written.
        number, text = errno.ENOSPC, os.strerror(errno.ENOSPC)
    raise OSError(number, text, path) from error


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file in UTF-8."""
    with whole_file(path) as file:
        file.write(text)


def save_figure(figure: Any, path: str | os.PathLike) -> None:
    """Write a figure of matplotlib; the ending of ``path`` says how."""
    with whole_path(path) as part:
        figure.savefig(part)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write JSON with an indent of one."""
    with whole_file(path) as file:
        json.dump(content, file, indent=1)


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def make_folder(path: str | os.PathLike) -> None:
    """Make a folder for results before the work begins.

    Raises:
        ValueError: The path cannot be a folder, or cannot be written to.
    """
    try:
        os.makedirs(path, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()  # can be written to
    except OSError as error:
        raise ValueError(
            f'{path} cannot be made a folder for the results: '
            f'{error.strerror}. Name another one.'
        ) from error
