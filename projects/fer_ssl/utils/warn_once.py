from __future__ import annotations

import functools
import logging

from mmengine.logging import print_log


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning once per process.

    The data sets of a training read the same file, each for its own split.
    """
    print_log(message, 'current', logging.WARNING)
