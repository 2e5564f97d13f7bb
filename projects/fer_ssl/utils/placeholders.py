"""Files that stand in for their data: Git LFS pointers, saved web pages."""

from __future__ import annotations

import os
import re

_LFS = b'version https://git-lfs.github.com/spec/'
_WEB_PAGE = re.compile(
    rb'(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|\?xml)', re.I
)


def describe_placeholder(head: bytes) -> str:
    """Describe a file that is a placeholder of the data.

    Args:
        head: The first bytes of the file; 100 are enough.

    Returns:
        A sentence with the remedy, or '' if it is not a placeholder.
    """
    if head.startswith(_LFS):
        return (
            'this is a Git LFS pointer, not the file itself. Run `git lfs '
            'pull` in the clone that it comes from, and copy it again.'
        )
    if _WEB_PAGE.match(head):
        return (
            'this is a web page, not the file itself. The download led to a '
            'page for login or confirmation: open the link in a browser, and '
            'save the file that it offers.'
        )
    return ''


def check_file(path: str | os.PathLike) -> None:
    """Open a file and call :func:`check_placeholder`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is one.
    """
    with open(path, 'rb') as file:
        check_placeholder(path, file.peek())


def check_placeholder(path: str | os.PathLike, head: bytes) -> None:
    """Raise an error if a file is a placeholder of the data.

    Args:
        path: The file, for the message.
        head: See :func:`describe_placeholder`.

    Raises:
        ValueError: If it is one; the message names the file and the remedy.
    """
    problem = describe_placeholder(head)
    if problem:
        raise ValueError(f'{os.fspath(path)}:1: {problem}')
