"""Data files are read as data; nothing in them runs."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config

from fer_ssl.utils.data_files import (
    COUNT,
    check_form,
    parse_json,
    parse_yaml,
    read_data_file,
    read_json,
    read_npy,
)
from tests.helpers.annotation_fuzz import REPEATABLE, damaged

CONFIGS = Path(__file__).parents[2] / 'configs'
SHIPPED = [*CONFIGS.glob('ablations/*.yml'), CONFIGS / 'split_paper_a.yml']


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.name)
def test_shipped_files_are_read_as_by_mmengine(path, monkeypatch):
    monkeypatch.setenv('FER_SSL_DATA', 'elsewhere')
    assert read_data_file(path) == Config.fromfile(path).to_dict()


def test_inheritance(tmp_path):
    (tmp_path / 'a.yml').write_text('x: {a: 1, b: {c: 2}}\ny: [1]\nz: 3\n')
    (tmp_path / 'b.json').write_text('{"w": {"v": 1}}')
    (tmp_path / 'c.yml').write_text(
        '_base_: [a.yml, b.json]\nx: {b: {_delete_: true, d: 4}}\ny: [2]\n'
        'new: {_delete_: true}\n'
    )
    assert read_data_file(tmp_path / 'c.yml') == dict(
        x=dict(a=1, b=dict(d=4)),
        y=[2],
        z=3,
        w=dict(v=1),
        new=dict(_delete_=True),
    )


def test_variables(tmp_path, monkeypatch):
    monkeypatch.setenv('FER_X', '7')
    monkeypatch.delenv('FER_Y', raising=False)
    path = tmp_path / 'a.yml'
    path.write_text("a: {{'$FER_X:1'}}\nb: '{{ $FER_Y:d }}/{{$FER_X:d}}'\n")
    assert read_data_file(path) == dict(a=7, b='d/7')
    path.write_text("a: '{{$FER_Y:}}'\n")
    with pytest.raises(ValueError, match=r'a\.yml: .*variable FER_Y is not'):
        read_data_file(path)


@pytest.mark.parametrize(
    'name, text, message',
    [
        ('x.py', 'a = 1', r'x\.py: data is read from YAML or JSON'),
        ('x.yml', '- 1', r'x\.yml: the content must map names'),
        ('x.yml', '', r'x\.yml: the content must map names'),
        ('x.yml', '1: 2', r'x\.yml: the content must map names'),
        ('x.yml', 'a: 1\n\n a: 2', r'x\.yml: not valid YAML: line 3: '),
        ('x.yml', 'a: 1\na: 2', r"x\.yml:2: the key 'a' is given twice"),
        ('x.yml', 'a: 1\nb: !!x/y 2', r"x\.yml:2: .* the tag '.*x/y'"),
        ('x.yml', 'a: !!python/name:os.x', r"x\.yml:1: .* '.*name:os\.x'"),
        ('x.yml', 'a: &a [*a]', r'x\.yml:1: its aliases expand to'),
        ('x.yml', 'a: !!timestamp x', r'x\.yml: not valid YAML'),
        ('x.yml', 'a: 2020-99-99', r'x\.yml: not valid YAML: month must'),
        ('x.yml', 'a: ' + '[' * 9999, r'x\.yml: .*nested too deep'),
        ('x.yml', '_base_: x.yml', r'x\.yml: the file inherits from itself'),
        ('x.yml', '_base_: 3', r'x\.yml: _base_: expected a list'),
        ('x.json', '{"a": 1, "a": 2}', r"x\.json: .*key 'a' is given twice"),
        ('x.json', '{"a": ' + '[' * 99999, r'x\.json: .*nested too deep'),
        ('x.json', '{"a": ' + '9' * 9999, r'x\.json: not valid JSON'),
        ('x.json', '{"a"', r'x\.json: not valid JSON'),
    ],
)
def test_faulty_files(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_data_file(tmp_path / name)


@pytest.mark.parametrize('merge', [False, True])
def test_aliases_of_aliases_do_not_fill_the_memory(merge):
    lines = ['a0: &a0 {x: 1}']
    for i in range(1, 40):
        two = f'[*a{i - 1}, *a{i - 1}]'
        value = f'{{<<: {two}}}' if merge else two
        lines.append(f'a{i}: &a{i} {value}')
    with pytest.raises(ValueError, match=r'x:\d+: its aliases expand to more'):
        parse_yaml('x', '\n'.join(lines))


@pytest.mark.parametrize('parse', [parse_yaml, parse_json])
def test_any_text_at_all(parse):
    good = b'{"a": [1, 2.5, null, {"b": "c"}], "d": true}'

    @REPEATABLE
    @given(st.one_of(st.text(max_size=60).map(str.encode), damaged(good)))
    def check(content):
        try:
            parse('some/file', content.decode('utf-8', 'replace'))
        except ValueError as error:
            assert str(error).startswith('some/file')

    check()


def test_not_utf_8(tmp_path):
    (tmp_path / 'x.json').write_bytes(b'\n{"\xff')
    with pytest.raises(ValueError, match=r'x\.json:2: not UTF-8 text'):
        read_json(tmp_path / 'x.json')


FORM = {'name': str, 'sizes': [COUNT], 'more?': {str: bool}}


@pytest.mark.parametrize(
    'value, message',
    [
        ([], 'f: expected a mapping'),
        (dict(name='x'), 'f: sizes is missing'),
        (
            dict(name='x', sizes=[], b=1),
            "f: unknown 'b'; the known names are mo",
        ),
        (dict(name=3, sizes=[]), 'f: name: expected text, but got 3'),
        (dict(name='x', sizes=3), 'f: sizes: expected a list'),
        (dict(name='x', sizes=[0, -1]), r'f: sizes\[1\]: expected a non-neg'),
        (dict(name='x', sizes=[True]), r'f: sizes\[0\]: expected a non-neg'),
        (dict(name='x', sizes=[1.0]), r'f: sizes\[0\]: expected a non-neg'),
        (dict(name='x', sizes=[2**63]), r'f: sizes\[0\]: expected a non-neg'),
        (
            dict(name='x', sizes=[], more=dict(y=1)),
            r"more\['y'\]: expected true or f",
        ),
    ],
)
def test_form(value, message):
    check_form('f', dict(name='x', sizes=[2**63 - 1], more=dict(a=True)), FORM)
    with pytest.raises(ValueError, match=message):
        check_form('f', value, FORM)


def npy(array, **kwargs):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **kwargs)
    return file.getvalue()


GOOD = npy(np.arange(6, dtype=np.int64).reshape(2, 3))


@pytest.mark.parametrize('mmap', [False, True])
def test_read_npy(tmp_path, mmap):
    path = tmp_path / 'x.npy'
    for array in (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3)))):
        np.save(path, array)
        read = read_npy(path, np.float64, 2, mmap)
        assert read.tolist() == array.tolist()
        assert isinstance(read, np.memmap) == mmap


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'not an array written by numpy.save'),
        (b'PK\3\4 no zip', 'not an array written by numpy.save'),
        (GOOD[:40], 'not an array written by numpy.save'),
        (GOOD[:-1], 'it has 175 bytes, but its header requires 176'),
        (GOOD + b'x', 'it has 177 bytes, but its header requires 176'),
        (
            GOOD.replace(b'(2, 3), }   ', b'(9**9, 3), }'),
            'not an array written',
        ),
        (GOOD.replace(b'(2, 3), }     ', b'(2, 9999999), '), 'not an array'),
        (GOOD.replace(b'(2, 3), }    ', b'(99999, 3), }'), 'header requires'),
        (GOOD.replace(b'(2, 3), } ', b'(-2, 3), }'), 'header requires'),
        (npy(np.array([{}])), 'it holds Python objects'),
        (npy(np.ones((2, 3))), 'its type is float64, not int64'),
        (npy(np.arange(6)), r'its shape is \(6,\), not one of 2 dimensions'),
    ],
)
def test_faulty_npy(tmp_path, content, message):
    assert content != GOOD
    (tmp_path / 'x.npy').write_bytes(content)
    with pytest.raises(ValueError, match=rf'x\.npy: .*{message}'):
        read_npy(tmp_path / 'x.npy', np.int64, 2)


def test_any_bytes_as_npy(tmp_path):
    path = tmp_path / 'x.npy'

    @REPEATABLE
    @given(st.one_of(st.binary(max_size=100), damaged(GOOD)))
    def check(content):
        path.write_bytes(content)
        try:
            assert read_npy(path).nbytes <= len(content)
        except ValueError as error:
            assert str(error).startswith(str(path))

    check()
