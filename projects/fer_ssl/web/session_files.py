from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PREFIX = 'fer_ssl_web_'
_LOCK = 'server.lock'


class SessionFiles:
    """Temporary files of the page, by the browser session that made them.

    Used as a context manager, whose end closes all sessions and deletes their
    folder. It may be used so more than once. Folders of servers that were
    killed are deleted, too, when the next one starts.

    Attributes:
        root: The folder, which only this user can read. Gradio puts each
            upload into a subfolder named by a hash of its content.
    """

    def __init__(self) -> None:
        _delete_abandoned(tempfile.gettempdir())
        # The form of the path that Gradio compares with.
        self.root = os.path.realpath(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = _lock(self.root)
        self._uploads: dict[str, set[str]] = {}
        self._open: set[str] = set()

    def __enter__(self) -> SessionFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.clear()
        self._lock.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def open(self, session: str) -> None:
        """Begin a session, or one that comes back after a lost connection."""
        self._open.add(session)

    def is_open(self, session: str) -> bool:
        """Return whether somebody still has the page of a session open."""
        return session in self._open

    def add_uploads(self, session: str, paths: list[str]) -> None:
        """Let uploads be deleted when a session ends."""
        self._uploads.setdefault(session, set()).update(paths)

    def new_folder(self, session: str) -> str:
        """Make a folder for results that ends with a session."""
        own = self._folder(session)
        os.makedirs(own, exist_ok=True)
        return tempfile.mkdtemp(dir=own)

    def close(self, session: str) -> None:
        """End a session and delete its files."""
        self._open.discard(session)
        for path in self._uploads.pop(session, ()):
            with suppress(OSError):
                os.remove(path)
        shutil.rmtree(self._folder(session), ignore_errors=True)

    def hide(self, message: str) -> str:
        """Shorten paths of uploads in a message to their file names."""
        return re.sub(rf'{re.escape(self.root)}[/\\](\w+[/\\])*', '', message)

    def _folder(self, session: str) -> str:
        # The name comes from the browser.
        name = re.sub(r'\W', '_', session)
        return os.path.join(self.root, f'session_{name}')


def _lock(root: str) -> IO:
    """Mark a folder as that of a process, until the process ends.

    The operating system releases the lock, however the process ends. A folder
    without such a file is not taken for an abandoned one.
    """
    lock = open(os.path.join(root, 'new.lock'), 'w')  # noqa: SIM115
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Renamed last, so that it is never seen without being locked.
            os.rename(lock.name, os.path.join(root, _LOCK))
    return lock


def _delete_abandoned(folder: str) -> None:
    """Delete the folders of servers that no longer run."""
    if fcntl is None:
        return
    for path in Path(folder).glob(f'{_PREFIX}*/{_LOCK}'):
        # Still locked, or of another user.
        with suppress(OSError), open(path, 'r+') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
