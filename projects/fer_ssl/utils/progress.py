from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_Item = TypeVar('_Item')
_SECONDS_BETWEEN_LINES = 30.0


class ProgressBar:
    """Progress of a long run, on standard error; a context manager.

    A terminal shows a bar. Everything else, such as a log file, gets a line
    after every tenth of the items and at least every 30 s.

    Args:
        description: What is counted, such as ``'Faces'``.
        total: Number of items, if it is known.
        completed: Number of items that an earlier run has done.
        show: Whether to show anything.
    """

    def __init__(
        self,
        description: str,
        total: int | None = None,
        completed: int = 0,
        show: bool = True,
    ) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not (show and console.is_terminal),
        )
        self._id = self._progress.add_task(
            description, total=total, completed=completed
        )
        self._writes_lines = show and not console.is_terminal
        self._tenths = 10 * completed // (total or 1)
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    # rich's own `track` joins a thread when an abandoned iterator is
    # collected, and hangs where the collector runs in another thread of it.
    def track(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield items; each one counts when the next one is asked for."""
        for item in items:
            yield item
            self.update()

    def update(self, count: int = 1) -> None:
        """Note that so many more items are done."""
        self._progress.advance(self._id, count)
        if self._writes_lines:
            self._write_line()

    def _write_line(self) -> None:
        task = self._progress.tasks[0]
        done, total = int(task.completed), task.total
        tenths = 10 * done // int(total) if total else 0
        now = time.monotonic()
        if (
            tenths == self._tenths
            and now < self._last_line + _SECONDS_BETWEEN_LINES
        ):
            return
        self._tenths, self._last_line = tenths, now
        text = f'{task.description}: {done:,}'
        if total:
            text += f' of {int(total):,} ({100 * done // int(total)} %)'
        if task.time_remaining:
            text += f', {task.time_remaining:,.0f} s left'
        print(text, file=sys.stderr, flush=True)
