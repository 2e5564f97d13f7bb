"""Values of ``--cfg-options``: text to value and back.

MMEngine's ``DictAction`` deletes all spaces and splits at every comma, without
looking at the config. Here the entry that the config has decides, so that text
such as a path arrives as typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mmengine.config import DictAction

# Quotes count only around a whole value or a whole element of a list.
_QUOTED = re.compile(
    r"""(?<![^,\[(\s])(['"])((?:(?!\1).)*)\1(?=\s*(?:[,\])]|$))""", re.S
)
_OPENING, _CLOSING = '[(', '])'


def read_options(config: Any, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of options, by dotted name.

    Args:
        config: The config that the options change.
        texts: Values as typed, by dotted name.

    Raises:
        ValueError: The brackets of a list do not match.
    """
    values = {}
    for key, text in texts.items():
        try:
            values[key] = option_value(text, entry_of(config, key))
        except ValueError as error:
            raise ValueError(f'--cfg-options {key}={error}') from None
    return values


def entry_of(config: Any, key: str) -> Any:
    """Return the entry with a dotted name; None if there is none."""
    for name in key.split('.'):
        try:
            is_list = isinstance(config, (list, tuple))
            config = config[int(name) if is_list else name]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return config


def option_value(text: str, entry: Any = None) -> Any:
    """Parse the value of an option.

    ``[a,b]`` is a list. A value in quotes is text without these quotes.
    Otherwise, text is taken as typed where ``entry`` is text. Elsewhere, the
    rules are those of MMEngine, except that spaces are kept and that a path,
    something with a slash or a backslash, is not split at its commas unless
    ``entry`` is a list.

    Args:
        text: The value as typed.
        entry: The entry of the config that it replaces.

    Raises:
        ValueError: The brackets of a list do not match.

    Example:
        >>> option_value('data/my faces, v2', 'data/faces')
        'data/my faces, v2'
        >>> option_value("1, a b, 'c,d'", [0])
        [1, 'a b', 'c,d']
    """
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return quoted[2]
    is_list = _in_brackets(text, '[]')
    if isinstance(entry, str) and not is_list:
        return None if text == 'None' else text
    text = text.strip()
    if is_list or _in_brackets(text, '()'):
        values = [option_value(part, []) for part in _parts(text[1:-1])]
        return tuple(values) if text[0] == '(' else values
    is_path = '/' in text or '\\' in text
    if ',' in text and (not is_path or isinstance(entry, (list, tuple))):
        parts = _parts(text)
        if len(parts) > 1 or text.endswith(','):
            return [option_value(part, []) for part in parts]
    return DictAction._parse_int_float_bool(text)


def option_text(value: Any) -> str:
    """Format a value so that :func:`option_value` reads it for any entry."""
    if isinstance(value, (list, tuple)):
        left, right = '[]' if isinstance(value, list) else '()'
        return f'{left}{",".join(map(option_text, value))}{right}'
    text = str(value)
    if not isinstance(value, str):
        return text
    is_plain = text and not re.search(r'[,\[\]()]', text)
    if is_plain and option_value(text) == text:
        return text
    quote = '"' if "'" in text else "'"
    return f'{quote}{text}{quote}'


def _masked(text: str) -> str:
    """Replace quoted parts by placeholders of the same length."""
    return _QUOTED.sub(lambda match: '_' * len(match[0]), text)


def _in_brackets(text: str, pair: str) -> bool:
    """Return whether one pair of brackets encloses the whole text."""
    text = _masked(text.strip())
    if not (text.startswith(pair[0]) and text.endswith(pair[1])):
        return False
    depth = 0
    for place, char in enumerate(text):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth <= 0:
            return place == len(text) - 1
    return False


def _parts(text: str) -> list[str]:
    """Split a text at the commas outside quotes and brackets."""
    parts, start, depth = [], 0, 0
    for place, char in enumerate(_masked(text)):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth < 0:
            break
        if char == ',' and not depth:
            parts.append(text[start:place].strip())
            start = place + 1
    if depth:
        raise ValueError(f'{text}: the brackets do not match.')
    last = text[start:].strip()
    return [*parts, last] if last else parts  # MMEngine reads (1,) as (1)
