from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar('_Item')


def read_ahead(items: Iterable[_Item], count: int = 4) -> Iterator[_Item]:
    """Yield items that a thread fetches in advance.

    Decoding with PyAV and OpenCV lets other threads run, so it takes no time
    of the thread that uses the items.

    Args:
        items: An iterable; it is used by the thread only.
        count: Number of items to fetch in advance.
    """
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1, 'read_ahead') as thread:
        waiting = deque(
            thread.submit(next, iterator, end) for _ in range(count)
        )
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(thread.submit(next, iterator, end))
                yield item
        finally:
            for future in waiting:
                future.cancel()
