"""Fuzzing of parsers with random bytes and damaged copies of a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

#: The same examples in every run, so that no run fails by chance.
REPEATABLE = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

JUNK = st.one_of(
    st.binary(max_size=8),
    st.text(max_size=8).map(lambda text: text.encode('utf-8', 'replace')),
    st.sampled_from(
        [b'', b'\n', b'\r', b',', b' ', b'"', b'-1', b'99', b'1_0', b'NULL']
        + [b'\0', b'\xff', b'\xef\xbb\xbf', b'9' * 30, b'nan', b'1.5']
        + ['１２'.encode(), '\u2028'.encode()]
    ),
)


@st.composite
def damaged(draw, good: bytes) -> bytes:
    """A good file in which up to three stretches are replaced by junk."""
    content = good
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 12))
        junk = draw(JUNK)
        content = content[:start] + junk + content[start + length :]
    return content


def check_parser(
    parse: Callable[[str], object], path: Path, good: bytes
) -> None:
    """Check that any file is read or raises ValueError with file and line."""

    @REPEATABLE
    @given(st.one_of(st.binary(max_size=200), damaged(good)))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        try:
            parse(str(path))
        except ValueError as error:
            place = re.match(rf'{re.escape(str(path))}:(\d+): .', str(error))
            assert place, f'no file and line in: {error}'
            lines = content.count(b'\n') + 1
            assert 1 <= int(place[1]) <= lines

    path.write_bytes(good)
    parse(str(path))
    check()
