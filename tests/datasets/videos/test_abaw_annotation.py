import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_ssl.datasets.videos.abaw_annotation import (
    ignored_labels,
    is_annotated,
    read_annotation,
)
from fer_ssl.utils.text_rows import read_lines
from tests.datasets.videos.aff_wild2_files import (
    HEADERS,
    annotation_lines,
    random_labels,
    write_annotation,
)
from tests.helpers.annotation_fuzz import REPEATABLE

TRACKS = ('EXPR', 'VA', 'AU')
ZEROS = {'EXPR': '0', 'VA': '0,0', 'AU': ','.join('0' * 12)}
FUZZ = settings(REPEATABLE, max_examples=300)


def read(tmp_path, track, data):
    path = tmp_path / 'video.txt'
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_annotation(str(path), track)


@pytest.mark.parametrize('track', TRACKS)
@pytest.mark.parametrize('newline', ['\n', '\r\n'])
@pytest.mark.parametrize('end', ['', '\n', '\n\n \n'])
def test_labels_come_back(tmp_path, track, newline, end):
    labels = random_labels(50, np.random.default_rng(1))[track]
    path = tmp_path / 'video.txt'
    write_annotation(path, track, labels, newline, end)
    found = read_annotation(str(path), track)
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == labels.dtype
    assert found.shape[1:] == {'EXPR': (), 'VA': (2,), 'AU': (12,)}[track]


def test_header_in_other_letters_and_byte_order_mark(tmp_path):
    header = 'Valence, Arousal'
    found = read(tmp_path, 'VA', f'\ufeff{header}\n0.5, -1e-1\n')
    np.testing.assert_array_equal(found, np.float32([[0.5, -0.1]]))


@pytest.mark.parametrize(
    ('track', 'lines', 'place', 'problem'),
    [
        ('EXPR', [], 1, 'not the header of an EXPR'),
        # without its header the first label would be taken for it
        ('EXPR', ['0', '1'], 1, "'0' is not the header"),
        ('VA', [HEADERS['AU'], '0'], 1, 'not the header of an VA'),
        ('VA', ['arousal,valence', '0,0'], 1, 'not the header'),
        ('EXPR', [HEADERS['EXPR'][:-6], '0'], 1, 'not the header'),
        ('EXPR', [HEADERS['EXPR']], 2, 'frame 1 is missing'),
        (
            'EXPR',
            [HEADERS['EXPR'], '0', '', '1'],
            3,
            "'' is not an expression",
        ),
        ('EXPR', [HEADERS['EXPR'], '8'], 2, "'8' is not an expression: -1"),
        ('EXPR', [HEADERS['EXPR'], '-5'], 2, 'not an expression'),
        ('EXPR', [HEADERS['EXPR'], '1', '1.0'], 3, 'not an expression'),
        ('EXPR', [HEADERS['EXPR'], '0\x0b1'], 2, 'not an expression'),
        ('EXPR', [HEADERS['EXPR'], '\u0663'], 2, 'not an expression'),
        ('VA', [HEADERS['VA'], '0,0', '0.5'], 3, 'not valence,arousal'),
        ('VA', [HEADERS['VA'], '0.5,0.5,0.5'], 2, 'not valence,arousal'),
        ('VA', [HEADERS['VA'], '0.5,x,0.5'], 2, 'not valence,arousal'),
        ('VA', [HEADERS['VA'], '0.5,nan'], 2, 'not valence,arousal'),
        ('VA', [HEADERS['VA'], '1.001,0'], 2, 'two numbers from -1 to 1'),
        ('VA', [HEADERS['VA'], '0,-2'], 2, 'two numbers from -1 to 1'),
        ('VA', [HEADERS['VA'], '0,0_1'], 2, 'not valence,arousal'),
        ('AU', [HEADERS['AU'], ZEROS['AU'][:-2]], 2, '12 times 0, 1 or -1'),
        ('AU', [HEADERS['AU'], ZEROS['AU'][:-1] + '2'], 2, '12 times'),
    ],
)
def test_malformed_files_are_refused(tmp_path, track, lines, place, problem):
    with pytest.raises(ValueError, match=f'video.txt:{place}: .*{problem}'):
        read(tmp_path, track, '\n'.join([*lines, '']))


def test_only_newlines_end_a_line(tmp_path):
    # str.splitlines would find two more lines than there are
    path = tmp_path / 'text'
    path.write_bytes('a\x0bb\u2028c\r\nd\n'.encode())
    assert read_lines(str(path)) == ['a\x0bb\u2028c', 'd']
    path.write_bytes(b'fine\nb\xff\n')
    with pytest.raises(ValueError, match='text:2: not UTF-8'):
        read_lines(str(path))


def test_is_annotated():
    np.testing.assert_array_equal(
        is_annotated(np.array([-1, 0, 7])), [False, True, True]
    )
    va = np.float32([[-5, -5], [0.1, -5], [-5, 0], [-1, -1]])
    np.testing.assert_array_equal(is_annotated(va), [0, 0, 0, 1])
    au = np.full((3, 12), -1)
    au[1, 5] = au[2] = 0
    np.testing.assert_array_equal(is_annotated(au), [0, 1, 1])


@pytest.mark.parametrize('track', TRACKS)
def test_ignored_labels_have_the_form_of_a_track(track):
    expected = random_labels(4, np.random.default_rng(0), True)[track]
    found = ignored_labels(track, 4)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert not is_annotated(found).any()


# ------------------------------------------------------------------- fuzzing


def naive_labels(data, track):
    """Label of each line, by its place in the file and nothing else."""
    lines = data.rstrip().split(b'\n')[1:]
    kind = float if track == 'VA' else int
    cells = [[kind(cell) for cell in line.split(b',')] for line in lines]
    return np.array(cells, np.float32).squeeze(1 if track == 'EXPR' else ())


def check(tmp_path, track, data):
    """Parsed label by label, or refused with file and line."""
    try:
        found = read(tmp_path, track, data)
    except ValueError as error:
        match = re.match(r'(.*video\.txt):(\d+): ', str(error))
        assert match and str(tmp_path) in match[1], error
        assert 1 <= int(match[2]) <= data.count(b'\n') + 2
    else:
        expected = naive_labels(data, track)
        np.testing.assert_array_equal(found.astype(np.float32), expected)


@FUZZ
@given(track=st.sampled_from(TRACKS), data=st.binary(max_size=200))
def test_any_bytes(tmp_path, track, data):
    check(tmp_path, track, data)


@FUZZ
@given(track=st.sampled_from(TRACKS), data=st.text(max_size=100))
def test_any_text_below_the_header(tmp_path, track, data):
    check(tmp_path, track, f'{HEADERS[track]}\n{data}'.encode())


CELL = st.one_of(
    st.sampled_from(['-1', '0', '1', '-5', '7', '0.5', '-0.25', ' 1', '+0']),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=3),
)


@FUZZ
@given(
    track=st.sampled_from(TRACKS),
    rows=st.lists(st.lists(CELL, min_size=1, max_size=12), max_size=6),
    newline=st.sampled_from(['\n', '\r\n', '\r', '\x0b', '\x85']),
)
def test_rows_of_any_cells(tmp_path, track, rows, newline):
    lines = [HEADERS[track], *(','.join(row) for row in rows)]
    check(tmp_path, track, newline.join(lines).encode())


@FUZZ
@given(data=st.data(), track=st.sampled_from(TRACKS))
def test_one_fault_in_a_good_file(tmp_path, data, track):
    """A line lost, doubled, emptied or changed never moves the others."""
    labels = random_labels(8, np.random.default_rng(3))[track]
    lines = [HEADERS[track], *annotation_lines(labels)]
    place = data.draw(st.integers(0, 8))
    fault = data.draw(
        st.one_of(
            st.just([]),
            st.just([lines[place]] * 2),
            st.just(['', lines[place]]),
            st.text(max_size=4).map(lambda x: [x]),
            st.text(max_size=2).map(lambda x: [lines[place] + x]),
        )
    )
    lines[place : place + 1] = fault
    check(tmp_path, track, '\n'.join(lines).encode())
