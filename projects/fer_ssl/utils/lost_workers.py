from __future__ import annotations

import re
import time
import traceback
from pathlib import Path

#: What a loader raises after its workers were killed: torch's own error, or
#: those of the socket by which a worker hands over a batch.
LOADER_ERRORS = (RuntimeError, ConnectionError, EOFError, FileNotFoundError)


def lost_worker(error: BaseException) -> str | None:
    """Return what tells that a worker of a loader was killed, if it was.

    Raises:
        RuntimeError: That of torch, if the error came first and says less.
    """
    if isinstance(error, RuntimeError):
        found = re.match(r'DataLoader worker \(.+', str(error))
        return found and found[0].strip().rstrip('.')
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    if (
        not isinstance(error, LOADER_ERRORS)
        or Path(raised_in).parent.name != 'multiprocessing'
    ):
        return None
    time.sleep(1)  # enough for torch's handler of SIGCHLD
    return 'DataLoader worker (unknown) has closed its connection'
