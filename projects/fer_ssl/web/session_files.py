from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress


class SessionFiles:
    """Temporary files of the page, by the browser session that made them.

    Used as a context manager, whose end closes all sessions and deletes their
    folder. It may be used so more than once.

    Attributes:
        root: The folder, which only this user can read. Gradio puts each
            upload into a subfolder named by a hash of its content.
    """

    def __init__(self) -> None:
        # The form of the path that Gradio compares with.
        self.root = os.path.realpath(tempfile.mkdtemp(prefix='fer_ssl_web_'))
        self._uploads: dict[str, set[str]] = {}
        self._open: set[str] = set()

    def __enter__(self) -> SessionFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.clear()
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
