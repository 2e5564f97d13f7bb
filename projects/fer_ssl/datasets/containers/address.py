"""Addresses of parts of a large file: ``SCHEME://FILE?name=number&..``."""

from __future__ import annotations

import re


def make_address(scheme: str, path: str, **numbers: int) -> str:
    """Return the address of a part of the file ``path``."""
    query = '&'.join(f'{name}={number}' for name, number in numbers.items())
    return f'{scheme}://{path}?{query}'


def split_address(
    address: str, needed: set[str], optional: set[str] = frozenset()
) -> tuple[str, dict[str, int]]:
    """Split an address into the file and the numbers.

    The file name may contain any character, including a question mark.

    Raises:
        ValueError: A number is missing, or the address has another one.
    """
    place, _, query = address.rpartition('?')
    _, _, path = place.partition('://')
    numbers = dict(item.partition('=')[::2] for item in query.split('&'))
    if (
        not path
        or not needed <= set(numbers) <= needed | optional
        or not all(
            re.fullmatch('[0-9]{1,18}', text) for text in numbers.values()
        )
    ):
        names = '&'.join(f'{name}=NUMBER' for name in sorted(needed))
        raise ValueError(f'{address!r}: expected SCHEME://FILE?{names}.')
    return path, {name: int(text) for name, text in numbers.items()}
