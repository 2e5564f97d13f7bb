"""Reading of checkpoints as data: no code in a file is run.

The ``weights_only`` reader of torch accepts tensors and plain containers. A
checkpoint of an MMEngine runner also contains the logging history and NumPy
arrays and numbers. Each name by which a file refers to one of these is mapped
to a stand-in in this module, which only checks its arguments. Once the whole
file is read, the stand-ins are replaced by the objects that they stand for.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
import re
import tarfile
import zipfile
from typing import IO, Any, NoReturn

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import hub

from .placeholders import describe_placeholder
from .safetensors_file import is_safetensors, read_safetensors

#: Booleans, integers and floats, such as 'f8', or one letter in older files.
_PLAIN_TYPES = re.compile(r'[?bhilqBHILQefd]|b1|[iu][1248]|f[248]')


def safe_load(file: Any, map_location: Any = None, **_: Any) -> Any:
    """Load a checkpoint that holds nothing but data.

    A path may also name a safetensors file, whatever its extension.

    Args:
        file: Path or open binary file.
        map_location: As in ``torch.load``.

    Raises:
        OSError: The file cannot be opened.
        ValueError: The file contains anything that is not on the allow-list,
            has a format that cannot be read as data, or is not a checkpoint.
    """
    if is_safetensors(file):
        return read_safetensors(file, map_location)
    try:
        _check_nesting(file)
        with torch.serialization.safe_globals(checkpoint_globals()):
            content = torch.load(
                file, map_location=map_location, weights_only=True
            )
        return _resolve(content, {})
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # Any exception: torch reads a text, an image or a made-up file until
        # something does not fit.
        raise ValueError(f'{file}: {_reason(file, error)}') from error


def load_checkpoint(file: Any, map_location: Any = None, **_: Any) -> dict:
    """Load a dict of weights, or a dict that has one as ``'state_dict'``.

    Raises:
        OSError: The file cannot be opened.
        ValueError: See :func:`safe_load`, or the file holds something else.
    """
    content = safe_load(file, map_location)
    weights = content
    if isinstance(content, dict):
        weights = content.get('state_dict', content)
    if not isinstance(weights, dict):
        raise ValueError(
            f'{file}: a checkpoint is a dict of weights, or has one as its '
            f"'state_dict', but this is a {type(weights).__name__}."
        )
    return content


def safe_load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
) -> dict:
    """Download a checkpoint once into the torch hub folder and load it."""
    folder = model_dir or os.path.join(hub.get_dir(), 'checkpoints')
    os.makedirs(folder, exist_ok=True)
    file = os.path.join(folder, os.path.basename(url.split('?')[0]))
    if not os.path.exists(file):
        hub.download_url_to_file(url, file, progress=progress)
    return load_checkpoint(file, map_location)


def _reason(file: Any, error: Exception) -> str:
    """Explain why a file was not loaded, and give a remedy."""
    text = str(error)
    found = re.search(r"(?:GLOBAL|Unsupported class|<class) '?([\w.]+)", text)
    if isinstance(error, pickle.UnpicklingError) and found:
        return (
            f'refused, because it contains {found[1]}, which is more than '
            'data and could run code while loading. Ask its author for the '
            'state_dict alone or, if you know and trust that class, allow it '
            'with torch.serialization.add_safe_globals in a module of your '
            'custom_imports.'
        )
    converted = _other_format(file)
    if converted:
        return converted
    if isinstance(error, EOFError) or 'PytorchStreamReader' in text:
        return (
            'the checkpoint is damaged or incomplete. Use an older one, or '
            'download it again.'
        )
    if isinstance(error, RuntimeError) and 'device' in text:
        return text.splitlines()[0]  # no such GPU here; the file is fine
    return 'this is not a checkpoint written by torch.save.'


def _other_format(file: Any) -> str:
    """Return the remedy for weights in another format; '' if there is none."""
    if not isinstance(file, (str, os.PathLike)):
        return ''
    save = "torch.save(dict(state_dict=...), 'NEW.pth')"
    with open(file, 'rb') as opened:
        head = opened.read(100)
    placeholder = describe_placeholder(head)
    if placeholder:
        return placeholder
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
        if any(name.endswith('/constants.pkl') for name in names):
            return (
                'this is a TorchScript program, which is code. If you trust '
                'it, convert it: torch.jit.load(FILE).state_dict(), then '
                f'{save}.'
            )
    elif tarfile.is_tarfile(file):
        return (
            'this is a tar file of an early PyTorch, which cannot be read as '
            'data. If you trust it, convert it: torch.load(FILE, '
            f'weights_only=False), then {save}.'
        )
    return ''


def checkpoint_globals() -> list[tuple[Any, str]]:
    """List the names that a file may use, each with its stand-in.

    ``HistoryBuffer``, ``getattr``
        A logging history: two arrays of numbers and a length. Pickle looks
        up its methods with ``getattr``; they are not taken from the file.
    ``numpy.ndarray``, ``_reconstruct``
        An array of numbers, made from exactly as many bytes as it needs.
        NumPy's own class would also accept objects and foreign memory.
    ``bytes``
        The content of an empty array: no bytes; arguments are refused.
    ``numpy.dtype``
        A boolean, integer or floating-point type, of either byte order.
    ``scalar``, ``numpy.float64`` and the like
        One number of such a type. The second form, a type that is called
        with the number, is what fer_ssl 0.1 wrote under torch < 2.4.
    """
    # NumPy 2 renamed the module; files of either version load in both.
    cores = ('numpy.core.multiarray', 'numpy._core.multiarray')
    return [
        (_History, 'mmengine.logging.history_buffer.HistoryBuffer'),
        (_method_of_history, 'builtins.getattr'),
        (_no_bytes, 'builtins.bytes'),
        (_Array, 'numpy.ndarray'),
        (_Type, 'numpy.dtype'),
        *((_empty_array, f'{core}._reconstruct') for core in cores),
        *((_number_of_bytes, f'{core}.scalar') for core in cores),
        *((call, f'numpy.{name}') for name, call in _NUMBER_CALLS.items()),
    ]


class _Type:
    """Stand-in for a ``numpy.dtype``.

    Args:
        code: Name of the type, such as ``'f8'``.
    """

    def __init__(self, code: str, *_: Any) -> None:
        if not isinstance(code, str) or not _PLAIN_TYPES.fullmatch(code):
            _refuse(f'numpy.dtype({code!r})')
        self.value = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        """Set the byte order; names, fields and subarrays are refused."""
        _, order, *structure = state
        if order not in ('<', '>', '=', '|') or any(structure[:3]):
            _refuse('numpy.dtype with fields')
        self.value = self.value.newbyteorder(order)


class _Array:
    """Stand-in for a ``numpy.ndarray``; its content arrives as its state."""

    def __new__(cls, *args: Any) -> _Array:
        if args:  # a shape, a type, a buffer
            _refuse('numpy.ndarray(...)')
        return super().__new__(cls)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, fortran, content = state
        if not (
            isinstance(kind, _Type)
            and isinstance(content, bytes)
            and all(type(size) is int and size >= 0 for size in shape)
            and math.prod(shape) * kind.value.itemsize == len(content)
        ):
            _refuse('numpy.ndarray of something other than numbers')
        order = 'F' if fortran else 'C'
        values = np.frombuffer(content, kind.value).reshape(shape, order=order)
        native = values.dtype.newbyteorder('=')
        self.value = values.astype(native)  # a copy, which is writable


def _empty_array(*_: Any) -> _Array:
    return _Array()


def _no_bytes(*args: Any) -> bytes:
    if args:  # a size could use up all memory
        _refuse('bytes(...)')
    return b''


def _number_of_bytes(kind: _Type, content: bytes) -> np.generic:
    if not (isinstance(kind, _Type) and isinstance(content, bytes)):
        _refuse('a NumPy scalar that is not a number')
    (number,) = np.frombuffer(content, kind.value)
    return number


def _number_call(kind: type) -> Any:
    def call(value: float) -> np.generic:
        if not isinstance(value, (bool, int, float)):
            _refuse(f'numpy.{kind.__name__}({value!r})')
        return kind(value)

    return call


# NumPy 1 calls it bool_, NumPy 2 bool.
_NUMBER_CALLS = {
    name: _number_call(kind)
    for kind in {np.dtype(code).type for code in '?bhilqBHILQefd'}
    for name in {kind.__name__, kind.__name__.replace('bool', 'bool_')}
}


class _History:
    """Stand-in for a ``HistoryBuffer``.

    The class itself would take functions from its state, and use them for
    every history of the process.
    """

    def __init__(
        self, log: Any = (), counts: Any = (), max_length: int = 1000000
    ) -> None:
        self.state = log, counts, max_length

    def __setstate__(self, state: dict) -> None:
        keys = '_log_history', '_count_history', 'max_length'
        self.state = tuple(state[key] for key in keys)

    @property
    def value(self) -> HistoryBuffer:
        log, counts, max_length = self.state
        return HistoryBuffer(_numbers(log), _numbers(counts), int(max_length))


def _numbers(values: Any) -> np.ndarray:
    """Return the numbers of an array or, as written by torch < 2.4, a list."""
    if isinstance(values, _Array):
        return values.value
    if not all(isinstance(x, (bool, int, float, np.number)) for x in values):
        _refuse('HistoryBuffer of something other than numbers')
    return np.array(values)


def _method_of_history(owner: Any, name: str) -> None:
    """Stand in for ``getattr(HistoryBuffer, 'mean')`` and the like."""
    if owner is not _History or not isinstance(name, str):
        _refuse(f'getattr of {owner!r}')


def _check_nesting(file: Any) -> None:
    """Refuse tuples nested without end: hashing one crashes the process."""
    named = isinstance(file, (str, os.PathLike))
    opened = open(file, 'rb') if named else file  # noqa: SIM115
    start = opened.tell()
    try:
        _scan_pickles(opened)
    except pickle.UnpicklingError:
        raise
    except Exception:
        # Not a pickle from here on: torch fails there too, and says why.
        return
    finally:
        opened.close() if named else opened.seek(start)


def _scan_pickles(file: IO[bytes]) -> None:
    if not zipfile.is_zipfile(file):
        file.seek(0)
        # Before torch 1.6: magic number, version, system, content, keys.
        for _ in range(5):
            _scan_pickle(file)
        return
    with zipfile.ZipFile(file) as archive:
        for item in archive.infolist():
            if item.filename.lower().endswith('data.pkl'):
                _scan_pickle(io.BytesIO(archive.read(item)))


def _scan_pickle(file: IO[bytes]) -> None:
    """Track the depth of the tuples on the stack of an unpickler."""
    stack: list[int] = []
    marks: list[int] = []
    memo: dict[int, int] = {}
    for code, argument, _ in pickletools.genops(file):
        name = code.name
        if name == 'MARK':
            marks.append(len(stack))
        elif name.endswith('BINPUT'):
            memo[argument] = stack[-1]
        elif name.endswith('BINGET'):
            stack.append(memo[argument])
        elif name in _STACK_EFFECTS:
            popped, pushed, nests = _STACK_EFFECTS[name]
            first = marks.pop() if popped is None else len(stack) - popped
            depth = max(stack[first:], default=0) + nests
            del stack[first:]
            stack.extend([depth] * pushed)
            if depth > _MAX_DEPTH:
                _refuse('tuples nested without end')
        elif name not in ('PROTO', 'STOP'):
            stack.append(0)


#: By opcode: number of values that it pops (None: all since the mark), number
#: that it pushes, and 1 if these contain the popped ones as a tuple does.
_STACK_EFFECTS: dict[str, tuple] = {
    'TUPLE': (None, 1, 1),
    'TUPLE1': (1, 1, 1),
    'TUPLE2': (2, 1, 1),
    'TUPLE3': (3, 1, 1),
    'REDUCE': (2, 1, 0),
    'NEWOBJ': (2, 1, 0),
    'BINPERSID': (1, 1, 0),
    'BUILD': (1, 0, 0),
    'APPEND': (1, 0, 0),
    'APPENDS': (None, 0, 0),
    'SETITEM': (2, 0, 0),
    'SETITEMS': (None, 0, 0),
}
_MAX_DEPTH = 100


def _resolve(value: Any, done: dict[int, tuple]) -> Any:
    """Replace the stand-ins by the objects that they stand for.

    Args:
        value: What torch's reader made of a file; changed in place.
        done: Results by the ``id`` of the replaced object, together with that
            object, which must live as long as its ``id`` is in use.
    """
    if isinstance(value, (str, bytes, int, float, torch.Tensor, type(None))):
        return value
    if id(value) in done:
        return done[id(value)][1]
    if isinstance(value, (_Type, _Array, _History)):
        result = value.value
    elif type(value) is tuple:
        result = tuple(_resolve(x, done) for x in value)
    else:
        result = value
        done[id(value)] = value, result  # it may contain itself
        if isinstance(value, list):
            value[:] = [_resolve(x, done) for x in value]
        elif isinstance(value, dict):
            for key, x in value.items():
                value[key] = _resolve(x, done)
        if hasattr(value, '__dict__') and not callable(value):
            _resolve(vars(value), done)
    done[id(value)] = value, result
    return result


def _refuse(what: str) -> NoReturn:
    """Raise an error in torch's own words, which ``_reason`` looks for."""
    raise pickle.UnpicklingError(f'GLOBAL {what}')
