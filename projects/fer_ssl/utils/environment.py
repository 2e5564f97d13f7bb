"""Environment variables in configs and studies: ``{{$NAME:default}}``.

Every variable that a file names is read and checked here.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import tokenize
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import yaml

_PLACEHOLDER = re.compile(r'\{\{[\'"]?\s*\$(\w+)\s*:\s*(\S*?)\s*[\'"]?\}\}')
# MMEngine would replace these when it reads a saved config with the value.
_MMENGINE_VARIABLE = re.compile(r'\{\{[\'"]?\s*(\$|_base_\.|file[A-Z])')
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def read_variable(name: str, default: str) -> str:
    """Return the value of an environment variable.

    Args:
        name: Name of the variable.
        default: Value if the variable is not set; empty for no default.

    Raises:
        ValueError: The variable is empty, is not set and has no default, or
            contains a line break, another control character or an MMEngine
            placeholder.
    """
    if name not in os.environ:
        if not default:
            raise ValueError(
                f'the environment variable {name} is not set and has no '
                'default. Set it.'
            )
        return default
    value = os.environ[name]
    if not value:
        problem = 'it is empty. Set it to a value, or unset it.'
    elif any(unicodedata.category(x) == 'Cc' for x in value):
        problem = 'it contains a line break or another control character.'
    elif _MMENGINE_VARIABLE.search(value):
        problem = 'it contains an MMEngine placeholder. Choose another value.'
    else:
        return value
    raise ValueError(f'the environment variable {name}={value!r}: {problem}')


def fill_variables(text: str, suffix: str) -> tuple[str, dict[str, str]]:
    """Fill in the environment variables in the text of a file.

    Inside quotes a value becomes part of the string, whatever characters it
    has. Elsewhere (``{{'$NAME:3'}}``) it is code, as in MMEngine.

    Args:
        text: The text.
        suffix: Extension of the file: ``.py``, ``.yml``, ``.yaml`` or
            ``.json``.

    Returns:
        The new text, and the variables that were set.

    Raises:
        ValueError: A variable is rejected, see :func:`read_variable`, or its
            value is not valid code where it is used as code.
    """
    used: dict[str, str] = {}
    as_code: dict[str, str] = {}

    def value_of(match: re.Match) -> str:
        name = match[1]
        value = read_variable(name, match[2])
        if name in os.environ:
            used[name] = value
        return value

    def code_of(match: re.Match) -> str:
        value = value_of(match)
        if match[1] in used:
            as_code[match[1]] = value
        return value

    if not _PLACEHOLDER.search(text):
        return text, used
    quote = repr if suffix == '.py' else json.dumps
    if suffix in ('.yml', '.yaml'):
        quote = _quote_yaml
    parts, end = [], 0
    for start, stop, content in _strings(text, suffix):
        if _PLACEHOLDER.search(content):
            parts.append(_PLACEHOLDER.sub(code_of, text[end:start]))
            parts.append(quote(_PLACEHOLDER.sub(value_of, content)))
            end = stop
    parts.append(_PLACEHOLDER.sub(code_of, text[end:]))
    filled = ''.join(parts)
    if as_code and not _parses(filled, suffix):
        given = ', '.join(f'{k}={v!r}' for k, v in as_code.items())
        raise ValueError(
            f'the environment variable {given}: the file is not valid with '
            'this value. Put quotes around the placeholder there.'
        )
    return filled, used


def _strings(text: str, suffix: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and content of the quoted strings of a text."""
    try:
        if suffix == '.py':
            yield from _python_strings(text)
        elif suffix == '.json':
            for match in _JSON_STRING.finditer(text):
                yield match.start(), match.end(), json.loads(match[0])
        else:
            for token in yaml.scan(text, yaml.SafeLoader):
                if isinstance(token, yaml.ScalarToken) and not token.plain:
                    if token.style in ('"', "'"):
                        start, stop = token.start_mark, token.end_mark
                        yield start.index, stop.index, token.value
    except (SyntaxError, tokenize.TokenError, ValueError, yaml.YAMLError):
        return  # the parser of the text will say what is wrong


def _python_strings(text: str) -> Iterator[tuple[int, int, str]]:
    lines = text.split('\n')
    line_starts = [0]
    for line in lines:
        line_starts.append(line_starts[-1] + len(line) + 1)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # An f-string is not a literal, but up to Python 3.11 it is one token.
        prefix = re.match('[A-Za-z]*', token.string)[0].lower()
        if token.type == tokenize.STRING and not set(prefix) & set('fb'):
            start, stop = (
                line_starts[row - 1] + column
                for row, column in (token.start, token.end)
            )
            yield start, stop, ast.literal_eval(token.string)


def _quote_yaml(text: str) -> str:
    quoted = yaml.safe_dump(text, default_style='"', width=float('inf'))
    return quoted.rstrip('\n')


def _parses(text: str, suffix: str) -> bool:
    try:
        if suffix == '.py':
            ast.parse(text)
        elif suffix == '.json':
            json.loads(text)
        else:
            yaml.compose(text, yaml.SafeLoader)
    except (SyntaxError, ValueError, yaml.YAMLError):
        return False
    return True


def fill_file(source: str, target: str) -> dict[str, str]:
    """Write a copy of a file with its variables filled in.

    Args:
        source: The file.
        target: The copy, which may be the same file.

    Returns:
        The variables that were set.

    Raises:
        ValueError: See :func:`fill_variables`.
    """
    text = Path(source).read_text(encoding='utf-8')
    text, used = fill_variables(text, Path(target).suffix)
    Path(target).write_text(text, encoding='utf-8')
    return used
