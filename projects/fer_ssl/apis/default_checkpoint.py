from __future__ import annotations

from pathlib import Path

#: Comes with the package: a classifier of faces, with its config in it.
DEFAULT_CHECKPOINT = (
    Path(__file__).parents[1] / 'checkpoints' / 'faces_starter.pth'
)


def find_checkpoint(path: str | None = None) -> str:
    """Path of a checkpoint: the one named, else that of the package.

    Raises:
        FileNotFoundError: There is no such file, or none was named and the
            package comes without one.
    """
    if path is None and not DEFAULT_CHECKPOINT.is_file():
        raise FileNotFoundError(
            'no checkpoint was named, and this package comes without one. '
            'Name one by --checkpoint (weights=...), such as that of '
            '`mim train fer_ssl configs/faces/faces_supervised_r18.py`.'
        )
    if path is not None:
        check_checkpoint(path)
    return str(path or DEFAULT_CHECKPOINT)


def check_checkpoint(path: str) -> None:
    """Refuse the name of a missing file; a URL is not looked at.

    Raises:
        FileNotFoundError: The message names checkpoints that are near.
    """
    if '://' in path or Path(path).is_file():
        return
    folder = Path(path)
    text = 'is a folder'
    if not folder.is_dir():
        folder = folder.parent
        text = 'does not exist'
    near = ', '.join(sorted(x.name for x in folder.glob('*.pth')))
    text += f': name one of {near} in {folder}' if near else ''
    raise FileNotFoundError(f'checkpoint {path} {text}')
