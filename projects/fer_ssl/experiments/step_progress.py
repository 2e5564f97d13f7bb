"""Progress of a step, read from its output."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_TAIL = 20_000  # bytes at the end of a log, some hundred lines
_STAGES = {
    # MMEngine's log processor writes `Iter(train) [  50/1200]  ... loss: 1.2`.
    'train': re.compile(r'Iter\(train\) \[ *(\d+)/ *(\d+)\](.*)'),
    'test': re.compile(r'Iter\(test\) \[ *(\d+)/ *(\d+)\](.*)'),
    # utils.progress writes `Features: 1,500 of 3,000 (50 %)`.
    'extract': re.compile(r': ([\d,]+) of ([\d,]+) \(\d+ %\)()'),
}
_LOSS = re.compile(r'\bloss: (\S+)')
_SCORE = re.compile(r'Iter\(val\) \[ *\d+/ *\d+\] +([\w/]+): (\S+)')


class StepProgress(NamedTuple):
    """Progress of a step.

    Args:
        completed: Number of completed iterations, or videos of an extraction.
        total: Number of all of them.
        note: Latest loss and validation score of a training, else empty.
    """

    completed: int
    total: int
    note: str


def read_progress(kind: str, log: Path) -> StepProgress | None:
    """Read the progress of a step.

    Args:
        kind: ``'train'``, ``'test'`` or ``'extract'``.
        log: File with the output of the step.

    Returns:
        The progress; None if the step has not reported any yet.
    """
    with open(log, 'rb') as file:
        size = file.seek(0, 2)
        file.seek(max(size - _TAIL, 0))
        text = file.read().decode('utf-8', 'replace')
    found = _STAGES[kind].findall(text)
    if not found:
        return None
    completed, total, rest = found[-1]
    notes = [f'loss {x}' for x in _LOSS.findall(rest)]
    scores = _SCORE.findall(text) if kind == 'train' else []
    notes += [f'{name} {value}' for name, value in scores[-1:]]
    numbers = (int(x.replace(',', '')) for x in (completed, total))
    return StepProgress(*numbers, ', '.join(notes))
