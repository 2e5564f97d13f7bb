from __future__ import annotations

import os.path as osp

from ..utils.text_rows import read_lines


def with_class_names(metainfo: dict | None) -> dict | None:
    """Return the metainfo of a data set, with classes read from their file.

    MMEngine would read the names from any file, a Git LFS pointer as well,
    and keep the text if there is no such file.

    Raises:
        ValueError: There is no such file, or it does not hold one class per
            line; the message names it.
    """
    path = (metainfo or {}).get('classes')
    if not isinstance(path, str):
        return metainfo
    if not osp.isfile(path):
        raise ValueError(
            f'metainfo=dict(classes={path!r}): no such file. Name an '
            'existing file with one class per line, or list the classes.'
        )
    names = [line.strip() for line in read_lines(path)]
    for line, name in enumerate(names, 1):
        if not name or name in names[: line - 1]:
            raise ValueError(
                f'{path}:{line}: {name!r} is empty or listed before. The file '
                'must hold one class per line.'
            )
    return dict(metainfo, classes=names)
