"""What a checkpoint may contain, and what is refused before it runs.

Hostile files are written opcode by opcode: no library would write them.
"""

import io
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from fer_ssl.utils.safe_load import checkpoint_globals, safe_load

FOREIGN = b'ABCDEFGH'  # as a pointer it leads to 0x4847464544434241


def name(module, attribute):
    return f'c{module}\n{attribute}\n'.encode()


def text(value):
    data = value.encode()
    return b'X' + struct.pack('<I', len(data)) + data


def raw(value):
    """Bytes, as protocol 2 writes them."""
    return name('_codecs', 'encode') + text(value) + text('latin1') + b'\x86R'


def call(function, *args):
    return function + b'(' + b''.join(args) + b'tR'


def new(cls, *args):
    return cls + b'(' + b''.join(args) + b't\x81'


def number(value):
    return b'K' + bytes([value])


def state(value, *parts):
    return value + b'(' + b''.join(parts) + b'tb'


NDARRAY, DTYPE = name('numpy', 'ndarray'), name('numpy', 'dtype')
CORE = 'numpy._core.multiarray'
HISTORY = name('mmengine.logging.history_buffer', 'HistoryBuffer')
OBJECTS = call(DTYPE, text('O'))
FLOATS = call(DTYPE, text('f8'))
ONE = number(1) + b'\x85'  # the shape (1,)
EMPTY = call(
    name(CORE, '_reconstruct'), NDARRAY, number(0) + b'\x85', raw('b')
)

HOSTILE = {
    'objects over bytes': new(NDARRAY, ONE, OBJECTS, raw('ABCDEFGH')),
    'the same by a call': call(NDARRAY, ONE, OBJECTS, raw('ABCDEFGH')),
    'numbers over bytes': new(NDARRAY, ONE, FLOATS, raw('ABCDEFGH')),
    'objects as state': state(
        EMPTY, number(1), ONE, OBJECTS, b'\x89', raw('ABCDEFGH')
    ),
    'scalar of objects': call(name(CORE, 'scalar'), OBJECTS, raw('ABCDEFGH')),
    'void': call(DTYPE, text('V8')),
    'record': call(DTYPE, b'(' + text('f8') + text('O') + b't'),
    'fields by comma': call(DTYPE, text('f8,O')),
    'subarray': call(DTYPE, text('(3,)f8')),
    'dtype given fields': state(
        FLOATS,
        number(3),
        text('<'),
        b'N',
        text('a') + b'\x85',
        b'}',
        number(8),
        number(8),
        number(27),
    ),
    'too few bytes': state(
        EMPTY, number(1), number(200) + b'\x85', FLOATS, b'\x89', raw('A')
    ),
    'negative shape': state(
        EMPTY,
        number(1),
        b'J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86',
        FLOATS,
        b'\x89',
        raw('ABCDEFGH'),
    ),
    'buffer that is an array': state(
        EMPTY, number(1), ONE, FLOATS, b'\x89', EMPTY
    ),
    'scalar of nothing': call(name(CORE, 'scalar'), FLOATS, raw('')),
    'number of text': call(name('numpy', 'float64'), text('1')),
    'number of an array': call(name('numpy', 'float64'), EMPTY),
    'getattr of an array': call(name('builtins', 'getattr'), EMPTY, text('T')),
    'getattr of the class': call(
        name('builtins', 'getattr'), NDARRAY, text('__new__')
    ),
    'history of objects': call(HISTORY, b'](Ne', b'](K\x01e'),
    'bytes of a size': call(name('builtins', 'bytes'), number(9)),
    'system': call(name('os', 'system'), text('true')),
    'eval': call(name('builtins', 'eval'), text('1')),
    'setattr': call(name('builtins', 'setattr'), HISTORY, text('x'), b'N'),
    'empty_like': call(name('numpy', 'empty'), number(1)),
}


def write(path, pickled):
    """A checkpoint file whose content is this pickle."""
    buffer = io.BytesIO()
    torch.save(dict(state_dict=dict(w=torch.zeros(1))), buffer)
    with (
        zipfile.ZipFile(buffer) as source,
        zipfile.ZipFile(path, 'w') as target,
    ):
        for item in source.namelist():
            is_pickle = item.endswith('data.pkl')
            target.writestr(item, pickled if is_pickle else source.read(item))
    return str(path)


@pytest.mark.parametrize('body', HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize('use', ['kept', 'hashed'])
def test_hostile_file_is_refused(tmp_path, body, use):
    if use == 'hashed':  # which would read an object at the foreign address
        body = call(name('collections', 'Counter'), body)
    file = write(tmp_path / 'evil.pth', b'\x80\x02' + body + b'.')
    with pytest.raises(ValueError, match=r'evil\.pth: (refused|this is not)'):
        safe_load(file)


def test_hostile_opcodes_with_harmless_values_load(tmp_path):
    """The same opcodes with harmless values load."""
    good = {
        'array': state(
            EMPTY, number(1), ONE, FLOATS, b'\x89', raw('\0\0\0\0\0\0\xf0?')
        ),
        'scalar': call(name(CORE, 'scalar'), FLOATS, raw('\0\0\0\0\0\0\xf0?')),
        'number': call(name('numpy', 'float64'), number(1)),
    }
    for body in good.values():
        found = safe_load(write(tmp_path / 'a.pth', b'\x80\x02' + body + b'.'))
        assert found.dtype == np.float64 and found.item() == 1
    history = call(HISTORY, b'](K\x03K\x05e', b'](K\x01K\x01e')
    found = safe_load(write(tmp_path / 'a.pth', b'\x80\x02' + history + b'.'))
    assert isinstance(found, HistoryBuffer) and found.mean() == 4


def test_a_file_cannot_change_the_statistics_of_all_histories(tmp_path):
    mean = HistoryBuffer._statistics_methods['mean']
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    history.__dict__['_statistics_methods'] = dict(mean=HistoryBuffer.max)
    torch.save(history, tmp_path / 'a.pth')
    del history.__dict__['_statistics_methods']
    found = safe_load(str(tmp_path / 'a.pth'))
    assert found.statistics('mean') == 1.5
    assert HistoryBuffer._statistics_methods['mean'] is mean


@pytest.mark.parametrize('kind', '?bhilqBHILQefd')
@pytest.mark.parametrize('order', '<>')
@pytest.mark.parametrize('layout', 'CF')
def test_arrays_come_back(tmp_path, kind, order, layout):
    values = np.arange(6).reshape(2, 3).astype(np.dtype(kind))
    values = values.astype(values.dtype.newbyteorder(order))
    values = np.asarray(values, order=layout)
    content = dict(a=[(values, values[0, 1], values.dtype)], b={'c': values})
    torch.save(content, tmp_path / 'a.pth')
    found = safe_load(tmp_path / 'a.pth')
    array, scalar, dtype = found['a'][0]
    np.testing.assert_array_equal(array, values)
    assert type(array) is np.ndarray and array.flags.writeable
    assert array.dtype == values.dtype.newbyteorder('=')
    assert scalar == values[0, 1] and isinstance(scalar, np.generic)
    assert dtype == values.dtype
    assert found['b']['c'] is array


def test_empty_array_and_history(tmp_path):
    torch.save([np.empty((0, 3)), HistoryBuffer()], tmp_path / 'a.pth')
    array, history = safe_load(tmp_path / 'a.pth')
    assert array.shape == (0, 3) and history.data[0].shape == (0,)


def test_content_that_holds_itself(tmp_path):
    content = [np.zeros(1)]
    content.append((content, dict(again=content)))
    torch.save(content, tmp_path / 'a.pth')
    found = safe_load(tmp_path / 'a.pth')
    assert found[1][0] is found and type(found[0]) is np.ndarray


def test_nesting_without_end_is_refused(tmp_path):
    file = write(
        tmp_path / 'deep.pth', b'\x80\x02' + b']' * 99999 + b'a' * 99998 + b'.'
    )
    with pytest.raises(ValueError, match='deep.pth'):
        safe_load(file)


@pytest.mark.parametrize('how', ['as a key', 'by the memo', 'in a set'])
def test_deep_tuples_do_not_end_the_process(tmp_path, how):
    """Python hashes a tuple by recursion on the stack of C."""
    deep = b')' + b'\x85' * 1_000_000
    if how == 'by the memo':
        deep = b')' + b'\x85q\x00h\x00\x86' * 500_000
    body = b'}' + deep + b'Ns'
    if how == 'in a set':
        body = call(name('builtins', 'set'), b']' + deep + b'a')
    file = write(tmp_path / 'deep.pth', b'\x80\x02' + body + b'.')
    with pytest.raises(ValueError, match='deep.pth: refused'):
        safe_load(file)


def test_files_from_before_torch_1_6(tmp_path):
    file = tmp_path / 'old.pth'
    state = dict(w=torch.arange(3.0))
    torch.save(state, file, _use_new_zipfile_serialization=False)
    torch.testing.assert_close(safe_load(str(file)), state)
    torch.testing.assert_close(safe_load(io.BytesIO(file.read_bytes())), state)


def test_plain_torch_is_left_as_it_is(tmp_path):
    """The stand-ins are for this loader, not for the whole process."""
    torch.save(HistoryBuffer(), tmp_path / 'a.pth')
    safe_load(tmp_path / 'a.pth')
    assert not {x for _, x in checkpoint_globals()} & set(
        torch._weights_only_unpickler._get_user_allowed_globals()
    )
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'a.pth', weights_only=True)


def write_torchscript(path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path)


def write_tar(path):
    with tarfile.open(path, 'w') as tar:
        for member in ('pickle', 'storages', 'tensors', 'sys_info'):
            info = tarfile.TarInfo(member)
            info.size = 1
            tar.addfile(info, io.BytesIO(b'.'))


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'write_file, message',
    [
        (
            write_torchscript,
            'a TorchScript program, which is code.*torch.save',
        ),
        (write_tar, 'a tar file of an early PyTorch.*torch.save'),
    ],
)
def test_other_formats_are_named(tmp_path, write_file, message):
    file = tmp_path / 'weights of mine'
    write_file(file)
    with pytest.raises(
        ValueError, match=f'weights of mine: this is {message}'
    ):
        safe_load(str(file))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        safe_load(str(tmp_path / 'no.pth'))
    with pytest.raises(OSError):
        safe_load(str(tmp_path))
