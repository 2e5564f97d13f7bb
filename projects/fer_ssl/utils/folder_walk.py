"""Walks through folders as people have them."""

from __future__ import annotations

import os
import os.path as osp
from collections import Counter
from collections.abc import Iterator

from .files import is_part

#: Files and folders of macOS, Windows, Linux, Synology, QNAP and Jupyter, in
#: lower case. Names that begin with a dot are left out as hidden anyway.
_LEFTOVERS = {
    '#recycle',
    '#snapshot',
    '$recycle.bin',
    '@eadir',
    '@recently-snapshot',
    '@recycle',
    '@sharebin',
    '@tmp',
    '__macosx',
    'desktop.ini',
    'ehthumbs.db',
    'icon\r',
    'lost+found',
    'network trash folder',
    'recycler',
    'system volume information',
    'temporary items',
    'thumbs.db',
}


def is_leftover(name: str) -> bool:
    """Return whether a file or folder is not part of the user's data.

    Operating systems, network storage and this package (when it is killed)
    leave such entries behind, among them thumbnails that are images.
    """
    return name.startswith('.') or name.lower() in _LEFTOVERS or is_part(name)


def walk_files(folder: str) -> Iterator[str]:
    """Yield all files in a folder and below, in order.

    The files of a folder come before those of its subfolders. Links to
    folders are followed, except to a folder that contains the link. Leftovers
    (see :func:`is_leftover`) and folders without permission are left out.

    Args:
        folder: The folder.

    Yields:
        Paths relative to the folder.
    """
    yield from _walk(folder, '', ())


def _walk(root: str, inside: str, above: tuple[str, ...]) -> Iterator[str]:
    folder = osp.join(root, inside)
    real = osp.realpath(folder)
    home = osp.realpath(osp.dirname(folder))
    # A link to a folder that contains it, perhaps above the root.
    if inside and (
        real in above or f'{home}{os.sep}'.startswith(real + os.sep)
    ):
        return
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except PermissionError:
        if not inside:
            raise
        return
    entries = [x for x in entries if not is_leftover(x.name)]
    folders = [x.name for x in entries if x.is_dir()]
    for entry in entries:
        if not entry.is_dir():
            yield osp.join(inside, entry.name)
    for name in folders:
        yield from _walk(root, osp.join(inside, name), (*above, real))


def describe_unread(extensions: Counter[str], kind: str) -> str:
    """Describe files that are not read, in a sentence.

    Args:
        extensions: Number of these files by extension, with the dot.
        kind: What they are not, such as ``'images'``.

    Returns:
        The sentence, '' if there are none.
    """
    if not extensions:
        return ''
    counts = ', '.join(
        f'{count} {extension or "without an extension"}'
        for extension, count in extensions.most_common(5)
    )
    more = ', ...' if len(extensions) > 5 else ''
    return f'Files that are not read as {kind}: {counts}{more}.'
