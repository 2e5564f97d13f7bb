from __future__ import annotations

from typing import Callable

from .readable import IMAGE_ERRORS, is_readable


def load_frame(pipeline: Callable[[dict], dict], info: dict) -> dict:
    """Run an image pipeline on one frame, ``info['img_path']``.

    Raises:
        ValueError: The file is missing or no image; the message names it.
    """
    try:
        return pipeline(info)
    except IMAGE_ERRORS as error:
        if is_readable(info['img_path']):
            raise  # some other step of the pipeline failed
        raise ValueError(
            f'{info["img_path"]}: not a readable image ({error}). Leave the '
            'field `image` of the frames CSV empty where there is no face; '
            'from a folder of crops, delete the file.'
        ) from error
