from unittest.mock import patch

import numpy as np
import pytest

from fer_ssl.datasets.videos.frames_csv import read_frames_csv

CLASSES = ('neutral', 'anger')
HEADER = 'video,frame,image,expression,split,valence\n'


def read(tmp_path, text, split=None):
    path = tmp_path / 'frames.csv'
    path.write_text(text, encoding='utf-8')
    return read_frames_csv(str(path), CLASSES, split)


def test_every_frame_is_kept_in_order(tmp_path):
    videos = read(
        tmp_path,
        HEADER + 'b,1,b/1.jpg,anger,train,\n'
        'a,1,a/1.jpg,neutral,val,0.5\n'
        'b,2,,anger,train,\n'
        'b,3,b/3.jpg,,train,\n',
    )
    assert list(videos) == ['b', 'a']
    assert videos['b'].name == 'b'
    assert videos['b'].images == ['b/1.jpg', '', 'b/3.jpg']
    np.testing.assert_array_equal(videos['b'].labels, [1, 1, -1])
    assert videos['b'].labels.dtype == np.int64


@pytest.mark.parametrize(
    ('split', 'expected'),
    [(None, ['a', 'b', 'c']), ('val', ['b']), (('train', 'val'), ['a', 'b'])],
)
def test_split_selects_videos(tmp_path, split, expected):
    rows = 'a,1,,,train,\nb,1,,,val,\nc,1,,,test,\n'
    assert list(read(tmp_path, HEADER + rows, split)) == expected


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('video,frame,image\n', r'frames.csv:1: column expression is missing'),
        ('', r'frames.csv:1: column video, frame'),
        (HEADER + 'a,1,,angry,train,\n', r"csv:2: unknown class 'angry'"),
        (HEADER + 'a,x,,anger,train,\n', r"csv:2: frame 'x' is not a whole"),
        (HEADER + 'a,1.5,,anger,train,\n', r"csv:2: frame '1.5' is not a"),
        (HEADER + 'a,1\n', r'csv:2: 2 fields, but the header has 6'),
        (HEADER + 'a,1,x,fear,,train,\n', r'csv:2: 7 fields, but the hea'),
        (HEADER + 'a,1,,,train,\na,3,,,train,\n', r'csv:3: .*expected .* 2'),
        (HEADER + 'a,0,,,train,\n', r'csv:2: .*expected .* frame 1'),
        (HEADER + 'a,1,,,train,\na,2,,,val,\n', r"csv:3: .*split 'train'"),
        (HEADER + ',1,,,train,\n', r'csv:2: .*a named video'),
        (HEADER, r'no frame with split in any'),
    ],
)
def test_bad_content_names_file_and_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_frames_that_pandas_has_written(tmp_path):
    videos = read(tmp_path, HEADER + 'a,1.0,,,train,\na,2.0,,anger,train,\n')
    assert videos['a'].labels.tolist() == [-1, 1]


def test_unknown_split_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"\['test'\]; .* \['train'\]"):
        read(tmp_path, HEADER + 'a,1,,,train,\n', 'test')


def test_one_of_two_splits_is_unknown(tmp_path):
    with patch('fer_ssl.utils.warn_once.print_log') as log:
        read(tmp_path, HEADER + 'a,1,,,train,\n', ('train', 'trian'))
    message = log.call_args.args[0]
    assert "no frame with split in ['trian']; the splits" in message


def test_split_column_is_needed_only_for_a_split(tmp_path):
    text = 'video,frame,image,expression\na,1,,\n'
    assert list(read(tmp_path, text)) == ['a']
    with pytest.raises(ValueError, match='column split is missing'):
        read(tmp_path, text, 'train')


def test_missing_file_names_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match='data_root'):
        read_frames_csv(str(tmp_path / 'none.csv'), CLASSES)
