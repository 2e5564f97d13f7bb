from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

_Item = TypeVar('_Item')
_SECONDS_BETWEEN_LINES = 30.0


@dataclass
class _LastLine:
    """Progress and time of the latest line in a log file."""

    tenths: int
    time: float


class ProgressBars:
    """Progress bars of several long runs on standard error.

    Used as a context manager.

    A terminal shows the bars. Anything else, such as a log file, gets a line
    after every tenth of the items of a run and at least every 30 s.

    Args:
        show: Whether to show anything.
    """

    def __init__(self, show: bool = True) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn('{task.fields[note]}', markup=False),
            console=console,
            # Otherwise what the run prints goes to the terminal even if
            # standard output is a file.
            redirect_stdout=sys.stdout.isatty(),
            disable=not (show and console.is_terminal),
        )
        self._writes_lines = show and not console.is_terminal
        self._lines: dict[TaskID, _LastLine] = {}

    def __enter__(self) -> ProgressBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(
        self, description: str, total: int | None = None, completed: int = 0
    ) -> TaskID:
        """Add a bar.

        Args:
            description: What is counted, such as ``'Faces'``.
            total: Number of items, if it is known.
            completed: Number of items that an earlier run has processed.

        Returns:
            ID of the bar, for the other methods.
        """
        bar = self._progress.add_task(
            description, total=total, completed=completed, note=''
        )
        tenths = 10 * completed // (total or 1)
        self._lines[bar] = _LastLine(tenths, time.monotonic())
        return bar

    def advance(self, bar: TaskID, count: int = 1) -> None:
        """Add ``count`` to the number of completed items."""
        self._progress.advance(bar, count)
        self._write_line(bar)

    def set(
        self,
        bar: TaskID,
        completed: int | None = None,
        total: int | None = None,
        note: str | None = None,
    ) -> None:
        """Set the state of a bar; None keeps the previous value.

        Args:
            bar: ID of the bar.
            completed: Number of completed items.
            total: Number of items.
            note: Text after the bar, such as a loss.
        """
        fields = {} if note is None else {'note': note}
        self._progress.update(bar, completed=completed, total=total, **fields)
        self._write_line(bar)

    def remove(self, bar: TaskID) -> None:
        """Remove a bar."""
        self._progress.remove_task(bar)
        del self._lines[bar]

    def _write_line(self, bar: TaskID) -> None:
        if not self._writes_lines:
            return
        (task,) = (x for x in self._progress.tasks if x.id == bar)
        done, total = int(task.completed), task.total
        tenths = 10 * done // int(total) if total else 0
        last, now = self._lines[bar], time.monotonic()
        if tenths == last.tenths and now < last.time + _SECONDS_BETWEEN_LINES:
            return
        self._lines[bar] = _LastLine(tenths, now)
        text = f'{task.description}: {done:,}'
        if total:
            text += f' of {int(total):,} ({100 * done // int(total)} %)'
        if task.time_remaining:
            text += f', {task.time_remaining:,.0f} s left'
        if task.fields['note']:
            text += f', {task.fields["note"]}'
        print(text, file=sys.stderr, flush=True)


class ProgressBar:
    """Progress bar of one long run on standard error.

    Used as a context manager.

    A terminal shows a bar. Anything else, such as a log file, gets a line
    after every tenth of the items and at least every 30 s.

    Args:
        description: What is counted, such as ``'Faces'``.
        total: Number of items, if it is known.
        completed: Number of items that an earlier run has processed.
        show: Whether to show anything.
    """

    def __init__(
        self,
        description: str,
        total: int | None = None,
        completed: int = 0,
        show: bool = True,
    ) -> None:
        self._bars = ProgressBars(show)
        self._bar = self._bars.add(description, total, completed)

    def __enter__(self) -> ProgressBar:
        self._bars.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.__exit__()

    # rich's own `track` joins a thread when an abandoned iterator is garbage
    # collected, and hangs if the collector runs in another of its threads.
    def track(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield items; each one counts when the next one is requested."""
        for item in items:
            yield item
            self.update()

    def update(self, count: int = 1) -> None:
        """Add ``count`` to the number of completed items."""
        self._bars.advance(self._bar, count)
