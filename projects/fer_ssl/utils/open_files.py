from __future__ import annotations

import os
import threading
from collections import OrderedDict


class DamagedFileError(OSError, ValueError):
    """Error for a file that contradicts its format or its index.

    It is an ``OSError``, because such a file counts as unreadable, and a
    ``ValueError``, because its content is wrong.
    """


class _Descriptor:
    """Open file that is closed when it is no longer referenced."""

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))

    def __del__(self) -> None:
        if hasattr(self, 'number'):  # os.open may have failed
            os.close(self.number)


class OpenFiles(threading.local):
    """Random access to large files that a loader's workers share.

    Every process and every thread has descriptors of its own, also after a
    fork, and reads by position (``pread``), so that none can move the file
    pointer of another. At most ``limit`` files stay open.
    """

    def __init__(self, limit: int = 128) -> None:
        self.limit = limit
        self._process = os.getpid()
        self._files: OrderedDict[str, _Descriptor] = OrderedDict()

    def __reduce__(self) -> tuple:
        return OpenFiles, (self.limit,)  # descriptors cannot be pickled

    def _open(self, path: str) -> int:
        if self._process != os.getpid():  # after a fork
            self._process = os.getpid()
            self._files = OrderedDict()
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = _Descriptor(path)
            if len(self._files) > self.limit:
                self._files.popitem(last=False)
        else:
            self._files.move_to_end(path)
        return file.number

    def size(self, path: str) -> int:
        """Return the size of a file in bytes."""
        return os.fstat(self._open(path)).st_size

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Read ``size`` bytes from byte ``offset`` on.

        Raises:
            FileNotFoundError: There is no such file.
            DamagedFileError: The file ends too early.
        """
        number = self._open(path)
        # Checked first, so that a wrong size does not allocate memory.
        end = os.fstat(number).st_size
        if not 0 <= offset <= offset + size <= end:
            raise DamagedFileError(
                f'{path}: byte {offset}: {size} bytes should follow, but the '
                f'file has {end} bytes. It is truncated, or the index belongs '
                'to another file. Copy both again.'
            )
        data = os.pread(number, size, offset)
        while len(data) < size:  # some network file systems return less
            more = os.pread(number, size - len(data), offset + len(data))
            if not more:
                raise DamagedFileError(
                    f'{path}: byte {offset}: the file was shortened while it '
                    'was read.'
                )
            data += more
        return data
