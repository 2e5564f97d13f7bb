import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_ssl.datasets.videos.submission_frames import (
    FrameList,
    read_frame_list,
)
from tests.datasets.videos.aff_wild2_files import example_header, write_example
from tests.helpers.annotation_fuzz import REPEATABLE

FUZZ = settings(REPEATABLE, max_examples=300)


def read(tmp_path, text):
    path = tmp_path / 'list.txt'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_frame_list(str(path))


@pytest.mark.parametrize('track', ['EXPR', 'VA', 'AU'])
def test_example(tmp_path, track):
    path = tmp_path / 'example.txt'
    write_example(path, track, [('b', 2), ('1-30-1280x720_left', 3)])
    frames = read_frame_list(str(path))
    assert frames.header == example_header(track)
    assert frames.has_lengths and len(frames) == 5
    assert frames.videos == ['b', '1-30-1280x720_left']
    assert frames.num_frames() == {'b': 2, '1-30-1280x720_left': 3}
    rows = path.read_text().splitlines()[1:]
    assert frames.locations() == [row.split(',')[0] for row in rows]


def test_example_of_its_own_order(tmp_path):
    """Rows keep their order, including gaps and swapped frames."""
    rows = ['b/00003.jpg', 'a/00001.jpg', 'b/00001.jpg', 'a/100000.jpg']
    text = '\r\n'.join(['image_location,valence,arousal', *rows])
    frames = read(tmp_path, text)
    assert frames.locations() == rows
    assert frames.num_frames() == {'b': 3, 'a': 100000}


@pytest.mark.parametrize(
    'text',
    [
        'video1,3\nvideo_left,2\n',
        'video,frames\nvideo1,3\nvideo_left,2',
        'video num_frames\r\nvideo1 3\r\nvideo_left\t2\r\n\r\n',
    ],
)
def test_list_with_lengths(tmp_path, text):
    frames = read(tmp_path, text)
    assert frames.num_frames() == {'video1': 3, 'video_left': 2}
    assert frames.locations()[2:4] == [
        'video1/00003.jpg',
        'video_left/00001.jpg',
    ]
    assert frames.header is None and frames.has_lengths


def test_list_of_names(tmp_path):
    frames = read(tmp_path, 'video1\n112\n5-60-1920x1080-1\n')
    assert frames.videos == ['video1', '112', '5-60-1920x1080-1']
    assert not frames.has_lengths and len(frames) == 0
    assert frames.locations() == []


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', r'list.txt:1: the file is empty'),
        ('image_location,a\n', r'list.txt:2: no frame'),
        (
            'image_location,a\na/1.jpg,0\n',
            r'list.txt:2: .*not a frame like',
        ),
        ('image_location,a\na/00001.png\n', r'list.txt:2: .*not a frame like'),
        (
            'image_location\na/00000.jpg\n',
            r'list.txt:2: .*not a frame like',
        ),
        ('image_location\na/000001.jpg\n', r'list.txt:2: .*not a frame like'),
        ('image_location\nx/a/00001.jpg\n', r'list.txt:2: .*not a frame like'),
        ('image_location\na/00001.jpg\n\nb/00001.jpg', r'list.txt:3: '),
        (
            'image_location\na/00001.jpg\na/00002.jpg\na/00001.jpg\n',
            r'list.txt:4: a/00001.jpg is listed twice',
        ),
        ('a\nb\na\n', r'list.txt:3: a is listed twice'),
        ('a\nb/c\n', r'list.txt:2: .*neither a video'),
        ('a b c\n', r'list.txt:1: .*neither a video'),
        ('a 3\nb\n', r'list.txt:2: either all videos or none'),
        ('a 3\nb 0\n', r'list.txt:2: 0 is not a number of frames'),
        ('a 1000000\n', r'list.txt:1: 1000000 is not a number'),
        ('video,frames\n', r'list.txt:2: no video'),
        (b'a\n\xff\n', r'list.txt:2: not UTF-8'),
    ],
)
def test_malformed_lists_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def check(tmp_path, data):
    try:
        frames = read(tmp_path, data)
    except ValueError as error:
        match = re.match(r'(.*list\.txt):(\d+): ', str(error))
        assert match and 1 <= int(match[2]) <= data.count(b'\n') + 2, error
        return
    lines = data.decode('utf-8-sig').rstrip().split('\n')
    if frames.header is not None:  # every row is there, in its place
        rows = [line.rstrip('\r').split(',')[0] for line in lines[1:]]
        assert frames.locations() == rows
    elif frames.has_lengths:
        assert len(frames.videos) in (len(lines), len(lines) - 1)


@FUZZ
@given(st.binary(max_size=100))
def test_any_bytes(tmp_path, data):
    check(tmp_path, data)


LOCATION = st.one_of(
    st.sampled_from(
        ['a/00001.jpg', 'a/00002.jpg', 'b/00001.jpg', 'a/0002.jpg']
    ),
    st.from_regex(r'\A[a-c]{1,2}/0000[0-9]\.jpg\Z'),
    st.text(max_size=8),
)


@FUZZ
@given(st.lists(LOCATION, max_size=6), st.sampled_from(['\n', '\r\n', '\r']))
def test_any_rows_of_an_example(tmp_path, rows, newline):
    text = newline.join(['image_location,x', *(f'{row},0' for row in rows)])
    check(tmp_path, text.encode())


@FUZZ
@given(
    st.lists(
        st.one_of(
            st.from_regex(r'\A[a-z]{1,3}[ ,]+[0-9]{1,4}\Z'),
            st.text(max_size=5),
        ),
        max_size=4,
    )
)
def test_any_rows_of_a_list(tmp_path, rows):
    check(tmp_path, '\n'.join(rows).encode())


def test_from_lengths():
    frames = FrameList.from_lengths([('a', 2), ('b', 1)], 'x')
    np.testing.assert_array_equal(frames.frame, [1, 2, 1])
    np.testing.assert_array_equal(frames.video, [0, 0, 1])
