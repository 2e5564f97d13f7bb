"""Writing of files that appear complete or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import os.path as osp
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, NoReturn


@contextmanager
def whole_path(path: str | os.PathLike, sync: bool = True) -> Iterator[str]:
    """Yield a temporary path whose file replaces ``path`` at the end.

    The temporary file is ``NAME.part.EXTENSION`` in the same folder, which is
    made if needed. Two processes must not write the same file at the same
    time. After an exception the temporary file is removed, and ``path`` is
    what it was before.

    Args:
        path: Final path. A symbolic link is kept, and its target replaced; a
            device or pipe is written to directly.
        sync: Whether to wait until the data is on the disk, which takes
            milliseconds. Pass ``False`` for one of many small files.

    Raises:
        OSError: The file cannot be written; ``filename`` is ``path``.
    """
    path = os.fspath(path)
    if osp.exists(path) and not osp.isfile(path) and not osp.isdir(path):
        yield path
        return
    target = osp.realpath(path)
    root, extension = osp.splitext(target)
    part = f'{root}.part{extension}'  # writers look at the extension
    try:
        os.makedirs(osp.dirname(target), exist_ok=True)
        yield part
        if sync:
            _sync(part)
        if osp.exists(target):
            shutil.copymode(target, part)  # as if written in place
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
    """Open a file that appears under its name once it is complete.

    Text is UTF-8, and newlines are written unchanged.

    Args:
        path, sync: See :func:`whole_path`.
        mode: ``'w'`` or ``'wb'``.
        kwargs: Further arguments of ``open``.

    Raises:
        OSError: The file cannot be written; ``filename`` is ``path``.
    """
    if 'b' not in mode:
        kwargs = dict(encoding='utf-8', newline='', **kwargs)
    with whole_path(path, sync) as part, open(part, mode, **kwargs) as file:
        yield file


@contextmanager
def file_named(path: str | os.PathLike) -> Iterator[None]:
    """Name the file that is open in an OSError that names none.

    Raises:
        OSError: The same error, with ``filename``.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            _raise_named(error, os.fspath(path))
        raise


def is_part(name: str) -> bool:
    """Return whether a file is left over from a killed :func:`whole_path`."""
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
            raise error  # not from the operating system but from a reader
        # NumPy reports a full disk as `N requested and M written`.
        number, text = errno.ENOSPC, os.strerror(errno.ENOSPC)
    raise OSError(number, text, path) from error


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file in UTF-8."""
    with whole_file(path) as file:
        file.write(text)


def save_figure(figure: Any, path: str | os.PathLike) -> None:
    """Write a Matplotlib figure in the format of the extension of ``path``."""
    with whole_path(path) as part:
        figure.savefig(part)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write JSON with an indent of one."""
    with whole_file(path) as file:
        json.dump(content, file, indent=1)


def file_sha256(path: str | os.PathLike) -> str:
    """Compute the SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def unique_names(names: Sequence[str]) -> list[str]:
    """Make names different, also where case does not count, by ``_2`` etc."""
    chosen: set[str] = set()
    unique = []
    for name in names:
        candidate, number = name, 1
        while candidate.lower() in chosen:
            number += 1
            candidate = f'{name}_{number}'
        chosen.add(candidate.lower())
        unique.append(candidate)
    return unique


def make_folder(path: str | os.PathLike) -> None:
    """Make a folder for results before the work begins.

    Raises:
        ValueError: The folder cannot be made or is not writable.
    """
    try:
        os.makedirs(path, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()  # fails if not writable
    except OSError as error:
        raise ValueError(
            f'{path} cannot be used as the folder of the results: '
            f'{error.strerror}. Choose another one.'
        ) from error
