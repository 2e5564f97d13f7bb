from __future__ import annotations

from pathlib import Path

#: The checkpoint in the package: a face classifier, with its config inside.
DEFAULT_CHECKPOINT = (
    Path(__file__).parents[1] / 'checkpoints' / 'ferplus_starter.pth'
)
#: Name of the weights in a folder of a model hub.
HUB_WEIGHTS = 'model.safetensors'
_SUFFIXES = ('.onnx', '.pth', '.safetensors')


def find_checkpoint(path: str | None = None) -> str:
    """Return the path of a checkpoint: the given one, or that of the package.

    Args:
        path: A file, or a folder in the form of a model hub, whose weights
            are returned.

    Raises:
        FileNotFoundError: If there is no such file, or none was given and the
            package was built without one.
    """
    if path is None and not DEFAULT_CHECKPOINT.is_file():
        raise FileNotFoundError(
            'no checkpoint was given, and this package comes without one. '
            'Name one by --checkpoint (weights=...), such as the result of '
            '`mim train fer_ssl configs/faces/faces_soft_labels_r18.py`.'
        )
    if path is not None:
        weights = Path(path) / HUB_WEIGHTS
        if weights.is_file():
            return str(weights)
        check_checkpoint(path)
    return str(path or DEFAULT_CHECKPOINT)


def check_checkpoint(path: str) -> None:
    """Raise an error if a checkpoint is missing; URLs are not checked.

    Raises:
        FileNotFoundError: If there is no such file; the message names the
            checkpoints in the same folder.
    """
    if '://' in path or Path(path).is_file():
        return
    folder = Path(path)
    text = 'is a folder'
    if not folder.is_dir():
        folder = folder.parent
        text = 'does not exist'
    files = [x for x in folder.glob('*') if x.suffix in _SUFFIXES]
    near = ', '.join(sorted(x.name for x in files))
    text += f': name one of {near} in {folder}' if near else ''
    raise FileNotFoundError(f'checkpoint {path} {text}.')
