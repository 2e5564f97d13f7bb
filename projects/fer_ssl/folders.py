from __future__ import annotations

import os
import tempfile


def make_folder(path: str) -> None:
    """Make a folder for results before the work begins.

    Raises:
        ValueError: The path cannot be a folder.
    """
    try:
        os.makedirs(path, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()  # can be written to
    except OSError as error:
        raise ValueError(
            f'{path} cannot be made a folder for the results: '
            f'{error.strerror}. Name another one.'
        ) from error
