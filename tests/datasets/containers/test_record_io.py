import os
import struct
import threading
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fer_ssl.datasets.containers.record_io import (
    RecordIOFile,
    RecordIOWriter,
    read_image_record,
    read_index,
    read_record,
    write_index,
)
from fer_ssl.utils.open_files import DamagedFileError, OpenFiles
from tests.helpers.annotation_fuzz import REPEATABLE
from tests.helpers.record_io_files import (
    MAGIC,
    frame,
    pack,
    put_sizes,
    write_ms1m,
    write_records,
)

MAGIC_BYTES = struct.pack('<I', MAGIC)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """One folder for all examples of a fuzz test."""
    return tmp_path_factory.mktemp('fuzz')


def test_images_of_insightface(tmp_path):
    images = write_ms1m(tmp_path, people=(3, 1, 4))
    file = RecordIOFile(str(tmp_path / 'train.rec'))
    assert file.image_keys().tolist() == list(range(1, 9))
    assert len(file.keys) == 8 + 3 + 1
    for key, image in images.items():
        assert file.read(key).image == image
    assert file.read(5).labels.tolist() == [2]
    assert file.read(9).labels.tolist() == [1, 4]  # the first person
    assert file.read(9).image == b''
    assert file.read(0).labels.tolist() == [9, 12]
    with pytest.raises(DamagedFileError, match=r'train\.idx: no key 12'):
        file.read(12)


@pytest.mark.parametrize(
    'labels', [7.0, (7.0,), (7.0, 8.0)], ids=['plain', 'one', 'two']
)
def test_file_without_header_record(tmp_path, labels):
    """im2rec numbers the images from 0, and may give them many labels."""
    records = [(key, pack(labels, key, b'image')) for key in (2, 0, 1)]
    write_records(tmp_path, records)
    file = RecordIOFile(str(tmp_path / 'train.rec'))
    assert file.image_keys().tolist() == [0, 1, 2]
    assert file.read(0).image == b'image'
    assert file.read(0).labels.tolist() == np.ravel(labels).tolist()


PIECES = st.lists(
    st.one_of(st.just(MAGIC_BYTES), st.binary(max_size=9)), max_size=8
).map(b''.join)


@settings(REPEATABLE, max_examples=300)
@given(payloads=st.lists(PIECES, min_size=1, max_size=4))
def test_any_payload_survives(folder, payloads):
    """Records that contain the magic number survive dmlc's writer and ours."""
    records = [(i, pack(0.0, i, p)) for i, p in enumerate(payloads)]
    write_records(folder, records)
    path = str(folder / 'own.rec')
    with RecordIOWriter(path) as writer:
        for key, payload in enumerate(payloads):
            writer.write(key, 0, payload)
    for name in ('rec', 'idx'):
        own = (folder / f'own.{name}').read_bytes()
        assert own == (folder / f'train.{name}').read_bytes()
    file = RecordIOFile(path)
    for key, payload in enumerate(payloads):
        assert file.read(key).image == payload


def test_magic_number_splits_the_record(tmp_path):
    record = MAGIC_BYTES + b'abcd' + MAGIC_BYTES + MAGIC_BYTES + b'xy'
    data = frame(record)
    kinds = []
    at = 0
    while at < len(data):
        (word,) = struct.unpack_from('<I', data, at + 4)
        kinds.append((word >> 29, word & (1 << 29) - 1))
        at += 8 + (kinds[-1][1] + 3) // 4 * 4
    assert kinds == [(1, 0), (2, 4), (2, 0), (3, 2)]
    path = tmp_path / 'x.rec'
    path.write_bytes(b'....' + data)
    assert read_record(OpenFiles(), str(path), 4) == record


@pytest.mark.parametrize('bound', [2**24 - 1, 2**24 + 1, 2**25 + 2])
@pytest.mark.parametrize('identities', [0, 3])
def test_header_beyond_the_integers_of_float32(tmp_path, bound, identities):
    path = str(tmp_path / 'x.rec')
    with RecordIOWriter(path) as writer:
        writer.write(0, (bound, bound + identities))
        writer.write(1, 5, b'image')
        writer.write(2, (1, 7))
    file = RecordIOFile(path)
    # Millions of images and few identities, all at the same two places.
    header, image, identity = file.offsets
    file.keys = np.arange(bound + identities)
    file.offsets = np.full(bound + identities, image)
    file.offsets[0], file.offsets[bound:] = header, identity
    keys = file.image_keys()
    assert (keys[0], keys[-1], len(keys)) == (1, bound - 1, bound - 1)
    file.keys, file.offsets = file.keys[:-9], file.offsets[:-9]
    with pytest.raises(ValueError, match='incomplete: copy both again'):
        file.image_keys()


def test_index_that_is_made(tmp_path):
    path = tmp_path / 'x.rec'
    with RecordIOWriter(str(path)) as writer:
        for key, payload in enumerate((b'', b'a' * 7 + MAGIC_BYTES, b'x')):
            writer.write(key, 0, payload)
    index = tmp_path / 'x.idx'
    expected = index.read_bytes()
    index.unlink()
    with pytest.raises(FileNotFoundError, match='write_index'):
        RecordIOFile(str(path))
    write_index(str(path))
    assert index.read_bytes() == expected
    index.unlink()
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match='cut off: copy it again'):
        write_index(str(path))
    assert not index.exists()


def test_writer_with_labels(tmp_path):
    path = str(tmp_path / 'x.rec')
    with RecordIOWriter(path) as writer:
        writer.write(3, (1, 2.5), b'image')
    record = RecordIOFile(path).read(3)
    assert record.labels.tolist() == [1, 2.5]
    assert record.image == b'image'


def pieces_of_a_file():
    words = [
        MAGIC_BYTES + struct.pack('<I', kind << 29 | length)
        for kind in range(5)
        for length in (0, 4, 24, 28, 2**29 - 1)
    ]
    piece = st.one_of(
        st.sampled_from(words),
        st.binary(max_size=30),
        st.just(frame(pack(1.0, 1, b'image'))),
        st.just(frame(pack((2.0, 3.0), 0))),
        st.just(struct.pack('<IfQQ', 2**32 - 1, 0, 0, 0)),
    )
    return st.lists(piece, max_size=6).map(b''.join)


@settings(REPEATABLE, max_examples=500)
@given(data=pieces_of_a_file(), offset=st.integers(0, 80))
def test_any_bytes_are_parsed_or_refused(folder, data, offset):
    path = folder / 'a.rec'
    path.write_bytes(data)
    try:
        record = read_image_record(OpenFiles(), str(path), offset, key=7)
    except ValueError as error:
        assert str(error).startswith(f'{path}: byte ')
    else:
        assert data[offset : offset + 4] == MAGIC_BYTES
        assert len(record.image) <= len(data)


INDEX_LINES = st.one_of(
    st.binary(max_size=12),
    st.tuples(st.integers(0, 20), st.integers(0, 10**6)).map(
        lambda pair: b'%d\t%d\n' % pair
    ),
    st.sampled_from([b'\n', b'\r\n', b'\t', b'1.5\t2\n', b'9' * 20 + b'\t1']),
)


@settings(REPEATABLE, max_examples=500)
@example(data=b'\x1c0\t0')
@given(data=st.lists(INDEX_LINES, max_size=6).map(b''.join))
def test_any_index_is_parsed_or_refused(folder, data):
    path = folder / 'a.idx'
    path.write_bytes(data)
    try:
        keys, offsets = read_index(str(path))
    except ValueError as error:
        assert str(error).startswith(f'{path}:')
    else:
        # NumPy takes the separators of latin-1, such as 0x1c, for blanks.
        numbers = [int(x) for x in data.decode('latin-1').split()]
        expected = sorted(zip(numbers[::2], numbers[1::2]))
        assert list(zip(keys.tolist(), offsets.tolist())) == expected


@settings(REPEATABLE, max_examples=200)
@given(data=pieces_of_a_file(), index=st.lists(INDEX_LINES, max_size=4))
def test_any_pair_of_files_opens_or_is_refused(folder, data, index):
    (folder / 'a.rec').write_bytes(data)
    (folder / 'a.idx').write_bytes(b''.join(index))
    try:
        file = RecordIOFile(str(folder / 'a.rec'))
        for key in file.image_keys():
            file.read(key)
    except ValueError as error:
        assert str(error).startswith(str(folder / 'a.'))


@pytest.mark.parametrize(
    'text, message',
    [
        ('', r'a\.idx:0: the index has no line'),
        ('0\t0\n1 40\n', r"a\.idx:2: '1 40' is not"),
        ('0\t0\n1\t40\n\n1.5\t80\n', r'a\.idx:4: '),
        ('0\t0\n1\t40\n0\t80\n', r'a\.idx:3: key 0 is listed twice'),
        ('0\t-1\n', r'a\.idx:1: '),
    ],
)
def test_damaged_index(tmp_path, text, message):
    (tmp_path / 'a.idx').write_text(text)
    with pytest.raises(DamagedFileError, match=message):
        read_index(str(tmp_path / 'a.idx'))


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'train\.idx: no such index'):
        RecordIOFile(str(tmp_path / 'train.rec'))
    write_ms1m(tmp_path)
    os.remove(tmp_path / 'train.rec')
    with pytest.raises(FileNotFoundError, match=r'train\.rec'):
        RecordIOFile(str(tmp_path / 'train.rec')).image_keys()


def test_truncated_files(tmp_path):
    write_ms1m(tmp_path)
    path = tmp_path / 'train.rec'
    data, lines = path.read_bytes(), (tmp_path / 'train.idx').read_text()
    path.write_bytes(data[:-300])
    with pytest.raises(DamagedFileError, match=r'train\.rec: byte \d+: a rec'):
        RecordIOFile(str(path)).image_keys()
    # The header record begins in the file but is truncated.
    path.write_bytes(data[:-3])
    with pytest.raises(DamagedFileError, match=r'byte \d+: 32 bytes should'):
        RecordIOFile(str(path)).image_keys()
    path.write_bytes(data)
    kept = [line for line in lines.splitlines() if not line.startswith('4\t')]
    (tmp_path / 'train.idx').write_text('\n'.join(kept))
    with pytest.raises(DamagedFileError, match=r'keys 1 to 8, .* has 7 of'):
        RecordIOFile(str(path)).image_keys()


def test_index_of_another_file(tmp_path):
    write_ms1m(tmp_path)
    lines = (tmp_path / 'train.idx').read_text().splitlines()
    moved = [f'{x.split()[0]}\t{int(x.split()[1]) + 4}' for x in lines]
    (tmp_path / 'train.idx').write_text('\n'.join(moved))
    with pytest.raises(DamagedFileError, match='no record begins here'):
        RecordIOFile(str(tmp_path / 'train.rec')).read(2)


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_processes_open_the_file_themselves(tmp_path, method):
    images = write_ms1m(tmp_path, people=(40,))
    file = RecordIOFile(str(tmp_path / 'train.rec'))
    file.read(1)  # open before the fork
    context = get_context(method)
    queues = [context.SimpleQueue() for _ in range(3)]
    workers = [
        context.Process(
            target=put_sizes, args=(file, list(images)[i::3], queue)
        )
        for i, queue in enumerate(queues)
    ]
    for worker in workers:
        worker.start()
    for i, queue in enumerate(queues):
        sizes = [len(image) for image in list(images.values())[i::3]]
        assert queue.get() == sizes
    for worker in workers:
        worker.join()


def test_threads_and_many_files(tmp_path):
    """Several threads read more files than there are descriptors."""
    paths = []
    for number in range(9):
        path = tmp_path / f'{number}.bin'
        path.write_bytes(bytes([number]) * 1000)
        paths.append(str(path))
    files = OpenFiles(limit=2)
    wrong = []

    def read(seed):
        rng = np.random.default_rng(seed)
        for number in rng.integers(0, 9, 300):
            if files.read(paths[number], 10, 20) != bytes([number]) * 20:
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    before = len(os.listdir('/proc/self/fd'))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(os.listdir('/proc/self/fd')) <= before + 2
    files.read(paths[0], 0, 1)
    files.read(paths[1], 0, 1)
    files.read(paths[2], 0, 1)
    assert len(os.listdir('/proc/self/fd')) <= before + 2


def test_short_reads_are_completed(tmp_path, monkeypatch):
    path = tmp_path / 'a.bin'
    path.write_bytes(bytes(range(100)))
    pread = os.pread
    monkeypatch.setattr(os, 'pread', lambda f, n, at: pread(f, min(n, 7), at))
    assert OpenFiles().read(str(path), 3, 50) == bytes(range(3, 53))
    monkeypatch.setattr(os, 'pread', lambda f, n, at: b'')
    with pytest.raises(DamagedFileError, match='shortened while'):
        OpenFiles().read(str(path), 3, 50)
