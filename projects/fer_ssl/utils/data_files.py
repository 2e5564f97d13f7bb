"""Files that hold data and never code: YAML, JSON and NumPy arrays."""

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
#: Form of a whole number from 0 on that int64 holds, see :func:`check_form`.
COUNT = 'a whole number from 0 on'
#: An alias stands for all that it names; without a limit, a few lines of YAML
#: become gigabytes.
_MAX_NODES = 1_000_000
_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_data_file(path: str | Path) -> dict:
    """Read a mapping from a file in YAML or JSON.

    ``{{$NAME:default}}`` stands for an environment variable, and ``_base_``
    for a file, or several, that this one inherits, both as in the configs of
    MMEngine. No tag makes an object and no module is imported.

    Args:
        path: The file, ``.yml``, ``.yaml`` or ``.json``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else, or names a Python object; the
            message names file and, of YAML, line.
    """
    return _read_with_bases(Path(path), ())


def _read_with_bases(path: Path, above: tuple[Path, ...]) -> dict:
    if path.resolve() in above:
        raise ValueError(f'{path}: the file inherits itself by _base_.')
    if path.suffix not in (*YAML, '.json'):
        raise ValueError(
            f'{path}: data are read from YAML or JSON (.yml, .yaml, .json), '
            'never from code. Write the same content into such a file.'
        )
    text = _text(path)
    try:
        text, _ = fill_variables(text, path.suffix)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    parse = parse_yaml if path.suffix in YAML else parse_json
    own = parse(path, text)
    if not isinstance(own, dict) or not all(isinstance(x, str) for x in own):
        raise ValueError(f'{path}: it must map names to values.')
    bases = own.pop('_base_', [])
    bases = [bases] if isinstance(bases, str) else bases
    check_form(f'{path}: _base_', bases, [str])
    inherited: dict = {}
    for name in bases:
        base = _read_with_bases(path.parent / name, (*above, path.resolve()))
        twice = ', '.join(inherited.keys() & base.keys())
        if twice:
            raise ValueError(f'{path}: two files of _base_ give {twice}.')
        inherited.update(base)
    return _merged(path, inherited, own)


def _merged(path: Path, base: dict, own: dict) -> dict:
    """As MMEngine merges: ``_delete_`` keeps nothing of the base."""
    result = dict(base)
    for key, value in own.items():
        if isinstance(value, dict) and key in base:
            value = dict(value)
            if not value.pop('_delete_', False):
                if not isinstance(base[key], dict):
                    raise ValueError(
                        f'{path}: {key} is a mapping here and none in the '
                        'inherited file. Add `_delete_: true` to replace it.'
                    )
                value = _merged(path, base[key], value)
        result[key] = value
    return result


def _text(path: str | Path) -> str:
    with open(path, 'rb') as file:
        data = file.read()
    check_placeholder(path, data)
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ValueError(f'{path}:{line}: not text in UTF-8.') from None


def parse_yaml(path: str | Path, text: str) -> Any:
    """Content of a YAML text; only plain values are made.

    Args:
        path: Where it is from, for messages.

    Raises:
        ValueError: It is no YAML, has a tag of Python, a key twice, or
            becomes too large; the message names file and line.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        problem = _problem_of(node, {})
        if not problem:
            return loader.construct_document(node)
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1
        raise ValueError(
            f'{path}:{line}: no valid YAML for data: {error.problem}. Data '
            'hold plain values and never run code: remove the tag.'
        ) from None
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line + 1
        raise ValueError(
            f'{path}: no valid YAML: line {line}: {error.problem}.'
        ) from None
    except RecursionError:
        raise ValueError(f'{path}: no valid YAML: nested too deep.') from None
    except Exception as error:  # of faulty values PyYAML raises many kinds
        raise ValueError(f'{path}: no valid YAML: {error}.') from None
    raise ValueError(f'{path}:{problem}')


def _problem_of(node: yaml.Node, counts: dict[int, int]) -> str:
    """Line and fault of a key given twice or of aliases without end.

    Args:
        counts: Number of values of each node, by its ``id``, to be filled in;
            what an alias stands for counts at every alias.
    """
    children = [] if isinstance(node, yaml.ScalarNode) else node.value
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, _ in children:
            if isinstance(key, yaml.ScalarNode) and key.value != '<<':
                if (key.tag, key.value) in seen:
                    line = key.start_mark.line + 1
                    return f'{line}: the key {key.value!r} is given twice.'
                seen.add((key.tag, key.value))
        children = [part for pair in children for part in pair]
    counts[id(node)] = _MAX_NODES  # met again from within: there is no end
    for child in children:
        problem = '' if id(child) in counts else _problem_of(child, counts)
        if problem:
            return problem
    counts[id(node)] = 1 + sum(counts[id(child)] for child in children)
    if counts[id(node)] > _MAX_NODES:
        return (
            f'{node.start_mark.line + 1}: its aliases stand for more than '
            f'{_MAX_NODES:,} values, or for themselves. Write the values out.'
        )
    return ''


def read_json(path: str | Path) -> Any:
    """Content of a JSON file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no JSON; the message names the file.
    """
    return parse_json(path, _text(path))


def parse_json(path: str | Path, text: str) -> Any:
    """Content of a JSON text.

    Args:
        path: Where it is from, for messages.

    Raises:
        ValueError: It is no JSON, nested too deep, or has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_twins)
    except RecursionError:
        raise ValueError(f'{path}: no JSON file: nested too deep.') from None
    except ValueError as error:
        raise ValueError(f'{path}: no JSON file: {error}.') from None


def _without_twins(pairs: Sequence[tuple[str, Any]]) -> dict:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'the key {twice!r} is given twice')
    return content


def check_form(where: str, value: Any, form: Any) -> None:
    """Refuse data that do not have the form that is due.

    Args:
        where: File, and the place in it, for messages.
        value: Of a JSON or YAML file.
        form: A type; :data:`COUNT`; ``[form]``, a list of any length;
            ``{str: form}``, a mapping from any names; or a mapping from the
            names that must be there, or may where they end in ``'?'``, to
            their forms.

    Raises:
        ValueError: It has another form; the message names the place.
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
        raise ValueError(f'{where}: {missing} is missing. Write it again.')
    unknown = ', '.join(sorted(map(repr, value.keys() - set(known))))
    if unknown:
        raise ValueError(
            f'{where}: unknown {unknown:.80}; known are '
            f'{", ".join(sorted(known))}.'
        )


def _refuse(where: str, value: Any, due: str) -> NoReturn:
    raise ValueError(f'{where}: {due} is due, but it is {value!r:.60}.')


def read_npy(
    path: str | Path,
    dtype: np.dtype | type | None = None,
    ndim: int | None = None,
    mmap: bool = False,
) -> np.ndarray:
    """An array that ``numpy.save`` wrote, never of objects.

    The header is compared with the size of the file first, so that a wrong
    one allocates nothing.

    Args:
        path: The file.
        dtype: Its type; ``None`` takes any but objects.
        ndim: Its number of dimensions; ``None`` takes any.
        mmap: Leave it on the disk, as a memory map.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is another one, or cut off; the message names it.
    """
    with open(path, 'rb') as file:
        check_placeholder(path, file.peek())
        try:
            version = np.lib.format.read_magic(file)
            shape, _, found = _NPY_HEADERS[version](file)
            size = file.tell() + int(found.itemsize) * _product(shape)
        except Exception as error:  # damaged bytes make NumPy raise many kinds
            raise ValueError(
                f'{path}: not an array that numpy.save wrote ({error}).'
            ) from None
        there = os.fstat(file.fileno()).st_size
    problem = ''
    if found.hasobject:
        problem = 'it holds objects of Python, which run code when read'
    elif any(length < 0 for length in shape) or size != there:
        problem = f'{there} bytes, but its header is of one of {size}'
    if problem:
        raise ValueError(
            f'{path}: not an array that numpy.save wrote ({problem:.200}).'
        )
    if dtype is not None and found != np.dtype(dtype):
        problem = f'its type is {found}, not {np.dtype(dtype)}'
    elif ndim is not None and len(shape) != ndim:
        problem = f'its shape is {shape}, where {ndim} dimensions are due'
    if problem:
        raise ValueError(f'{path}: another array is due: {problem:.200}.')
    return np.load(path, 'r' if mmap else None, allow_pickle=False)


def _product(shape: Sequence[int]) -> int:
    """As Python's number, which does not overflow."""
    product = 1
    for length in shape:
        product *= int(length)
    return product
