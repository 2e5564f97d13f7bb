"""Reading of files that hold data, never code: YAML, JSON, NumPy arrays."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import yaml

from .environment import fill_variables
from .placeholders import check_placeholder

YAML = ('.yml', '.yaml')
#: Form of a non-negative int64 number, see :func:`check_form`.
COUNT = 'a non-negative integer'
#: An alias expands to all that it refers to; without a limit, a few lines of
#: YAML can become gigabytes.
_MAX_NODES = 1_000_000
_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_data_file(path: str | Path) -> dict:
    """Read a mapping from a YAML or JSON file.

    ``{{$NAME:default}}`` is replaced by an environment variable, and
    ``_base_`` names one or more files to inherit from, both as in the configs
    of MMEngine. No tag creates an object and no module is imported.

    Args:
        path: The file, ``.yml``, ``.yaml`` or ``.json``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The content is not valid, or names a Python object; the
            message names the file and, for YAML, the line.
    """
    return _read_with_bases(Path(path), ())


def _read_with_bases(path: Path, above: tuple[Path, ...]) -> dict:
    if path.resolve() in above:
        raise ValueError(f'{path}: the file inherits from itself by _base_.')
    if path.suffix not in (*YAML, '.json'):
        raise ValueError(
            f'{path}: data is read from YAML or JSON (.yml, .yaml, .json), '
            'never from code. Write the same content into such a file.'
        )
    text = _read_text(path)
    try:
        text, _ = fill_variables(text, path.suffix)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    parse = parse_yaml if path.suffix in YAML else parse_json
    own = parse(path, text)
    if not isinstance(own, dict) or not all(isinstance(x, str) for x in own):
        raise ValueError(f'{path}: the content must map names to values.')
    bases = own.pop('_base_', [])
    bases = [bases] if isinstance(bases, str) else bases
    check_form(f'{path}: _base_', bases, [str])
    inherited: dict = {}
    for name in bases:
        base = _read_with_bases(path.parent / name, (*above, path.resolve()))
        twice = ', '.join(inherited.keys() & base.keys())
        if twice:
            raise ValueError(f'{path}: two files of _base_ set {twice}.')
        inherited.update(base)
    return _merged(path, inherited, own)


def _merged(path: Path, base: dict, own: dict) -> dict:
    """Merge as MMEngine does: ``_delete_`` drops the value of the base."""
    result = dict(base)
    for key, value in own.items():
        if isinstance(value, dict) and key in base:
            value = dict(value)
            if not value.pop('_delete_', False):
                if not isinstance(base[key], dict):
                    raise ValueError(
                        f'{path}: {key} is a mapping here but not in the '
                        'inherited file. Add `_delete_: true` to replace it.'
                    )
                value = _merged(path, base[key], value)
        result[key] = value
    return result


def _read_text(path: str | Path) -> str:
    with open(path, 'rb') as file:
        data = file.read()
    check_placeholder(path, data)
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ValueError(f'{path}:{line}: not UTF-8 text.') from None


def parse_yaml(path: str | Path, text: str) -> Any:
    """Parse YAML text that holds only plain values.

    Args:
        path: Where the text is from, for messages.
        text: The text.

    Raises:
        ValueError: The text is not valid YAML, has a Python tag or a
            duplicate key, or expands to too many values; the message names
            file and line.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        problem = _find_problem(node, {})
        if not problem:
            return loader.construct_document(node)
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1
        raise ValueError(
            f'{path}:{line}: not valid YAML for data: {error.problem}. Data '
            'holds plain values and never runs code. Remove the tag.'
        ) from None
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line + 1
        raise ValueError(
            f'{path}: not valid YAML: line {line}: {error.problem}.'
        ) from None
    except RecursionError:
        raise ValueError(
            f'{path}: not valid YAML: nested too deeply.'
        ) from None
    except Exception as error:  # invalid values make PyYAML raise many kinds
        raise ValueError(f'{path}: not valid YAML: {error}.') from None
    raise ValueError(f'{path}:{problem}')


def _find_problem(node: yaml.Node, counts: dict[int, int]) -> str:
    """Describe a duplicate key or aliases without end.

    Args:
        node: The node to search.
        counts: Number of values in each node, by its ``id``, filled in here;
            a node counts again at every alias of it.

    Returns:
        Line and problem; empty if there is none.
    """
    children = [] if isinstance(node, yaml.ScalarNode) else node.value
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, _ in children:
            # The merge key << may be repeated.
            if isinstance(key, yaml.ScalarNode) and key.value != '<<':
                if (key.tag, key.value) in seen:
                    line = key.start_mark.line + 1
                    return f'{line}: the key {key.value!r} is given twice.'
                seen.add((key.tag, key.value))
        children = [part for pair in children for part in pair]
    # If the node is met again inside itself, it exceeds the limit.
    counts[id(node)] = _MAX_NODES
    for child in children:
        problem = '' if id(child) in counts else _find_problem(child, counts)
        if problem:
            return problem
    counts[id(node)] = 1 + sum(counts[id(child)] for child in children)
    if counts[id(node)] > _MAX_NODES:
        return (
            f'{node.start_mark.line + 1}: its aliases expand to more than '
            f'{_MAX_NODES:,} values, or to themselves. Write the values out.'
        )
    return ''


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not valid JSON; the message names the file.
    """
    return parse_json(path, _read_text(path))


def parse_json(path: str | Path, text: str) -> Any:
    """Parse JSON text.

    Args:
        path: Where the text is from, for messages.
        text: The text.

    Raises:
        ValueError: The text is not valid JSON, is nested too deeply, or has a
            duplicate key.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except RecursionError:
        raise ValueError(
            f'{path}: not valid JSON: nested too deeply.'
        ) from None
    except ValueError as error:
        raise ValueError(f'{path}: not valid JSON: {error}.') from None


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'the key {twice!r} is given twice')
    return content


def check_form(where: str, value: Any, form: Any) -> None:
    """Check that data has the expected form.

    Args:
        where: File, and the place in it, for messages.
        value: Content of a JSON or YAML file.
        form: A type; :data:`COUNT`; ``[form]`` for a list of any length;
            ``{str: form}`` for a mapping with any names; or a mapping from
            each name to its form, where a name that ends in ``'?'`` is
            optional.

    Raises:
        ValueError: The data has another form; the message names the place.
    """
    if form is COUNT:
        if type(value) is not int or not 0 <= value < 2**63:
            _refuse(where, value, COUNT)
    elif isinstance(form, list):
        if not isinstance(value, list):
            _refuse(where, value, 'a list')
        for number, part in enumerate(value):
            check_form(f'{where}[{number}]', part, form[0])
    elif isinstance(form, Mapping):
        if not isinstance(value, dict):
            _refuse(where, value, 'a mapping')
        if str in form:
            for name, part in value.items():
                check_form(f'{where}[{name!r:.60}]', part, form[str])
            return
        names = {name.rstrip('?'): name for name in form}
        needed = {x for x, name in names.items() if x == name}
        _check_names(where, value, needed, names)
        for name, part in value.items():
            check_form(f'{where}: {name}', part, form[names[name]])
    elif type(value) is not form:
        name = {str: 'text', bool: 'true or false', dict: 'a mapping'}
        _refuse(where, value, name.get(form, form.__name__))


def _check_names(
    where: str, value: dict, needed: Iterable[str], known: Iterable[str]
) -> None:
    missing = ', '.join(sorted(set(needed) - value.keys()))
    if missing:
        raise ValueError(
            f'{where}: {missing} is missing. Create the file again.'
        )
    unknown = ', '.join(sorted(map(repr, value.keys() - set(known))))
    if unknown:
        raise ValueError(
            f'{where}: unknown {unknown:.80}; the known names are '
            f'{", ".join(sorted(known))}.'
        )


def _refuse(where: str, value: Any, expected: str) -> NoReturn:
    raise ValueError(f'{where}: expected {expected}, but got {value!r:.60}.')


def read_npy(
    path: str | Path,
    dtype: np.dtype | type | None = None,
    ndim: int | None = None,
    mmap: bool = False,
) -> np.ndarray:
    """Read an array that ``numpy.save`` wrote, but never one of objects.

    The header is compared with the size of the file first, so that a wrong
    header does not allocate memory.

    Args:
        path: The file.
        dtype: Expected type; ``None`` accepts any type except objects.
        ndim: Expected number of dimensions; ``None`` accepts any.
        mmap: Whether to leave the array on the disk as a memory map.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is truncated or holds something else; the message
            names it.
    """
    with open(path, 'rb') as file:
        check_placeholder(path, file.peek())
        try:
            version = np.lib.format.read_magic(file)
            shape, _, found = _NPY_HEADERS[version](file)
            size = file.tell() + int(found.itemsize) * _product(shape)
        except Exception as error:  # damaged bytes make NumPy raise many kinds
            raise ValueError(
                f'{path}: not an array written by numpy.save ({error}).'
            ) from None
        there = os.fstat(file.fileno()).st_size
    problem = ''
    if found.hasobject:
        problem = 'it holds Python objects, which can run code when read'
    elif any(length < 0 for length in shape) or size != there:
        problem = f'it has {there} bytes, but its header requires {size}'
    if problem:
        raise ValueError(
            f'{path}: not an array written by numpy.save ({problem:.200}).'
        )
    if dtype is not None and found != np.dtype(dtype):
        problem = f'its type is {found}, not {np.dtype(dtype)}'
    elif ndim is not None and len(shape) != ndim:
        problem = f'its shape is {shape}, not one of {ndim} dimensions'
    if problem:
        raise ValueError(f'{path}: unexpected array: {problem:.200}.')
    return np.load(path, 'r' if mmap else None, allow_pickle=False)


def _product(shape: Sequence[int]) -> int:
    """Multiply as Python integers, which do not overflow."""
    product = 1
    for length in shape:
        product *= int(length)
    return product
