import pytest

from fer_ssl.datasets import FaceDataset
from fer_ssl.utils.text_rows import (
    EmptyBoxError,
    check_box,
    check_code,
    csv_rows,
    decoded_lines,
    spaced_rows,
    whole_numbers,
)
from tests.helpers.annotation_fuzz import check_parser


def write(tmp_path, content):
    (tmp_path / 'x').write_bytes(content)
    return str(tmp_path / 'x')


def test_csv_rows(tmp_path):
    path = write(
        tmp_path, b'\xef\xbb\xbfa,b\r\n\r\n"c,\n""",\n' + 'é,1'.encode()
    )
    assert list(csv_rows(path)) == [
        (1, ['a', 'b']),
        (4, ['c,\n"', '']),
        (5, ['é', '1']),
    ]


def test_spaced_rows(tmp_path):
    path = write(tmp_path, b'a  b\r\n \n\tc d e')
    assert list(spaced_rows(path)) == [(1, ['a', 'b']), (3, ['c', 'd', 'e'])]


@pytest.mark.parametrize(
    'content, message',
    [
        (b'a\n\xff', ':2: not UTF-8 text .* column 1'),
        (b'a\nbc\0', ':2: not text: .* zero byte'),
        (b'a\n"b', ':2: unexpected end of data'),
        (b'a\n\n"b"c', ":3: ',' expected after"),
        (b'a\rb', ':1: new-line'),
        (b'a\n' + b'b' * 200_000, ':2: field larger'),
    ],
)
def test_faulty_csv(tmp_path, content, message):
    with pytest.raises(ValueError, match=f'x{message}'):
        list(csv_rows(write(tmp_path, content)))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no: no such annotation'):
        list(decoded_lines(str(tmp_path / 'no')))


def test_whole_numbers():
    texts = ('0', ' -7\n', '+12', '999999999')
    assert whole_numbers('here', texts) == [0, -7, 12, 999_999_999]
    # as written by pandas
    assert whole_numbers('here', ['5.0', '-3.00']) == [5, -3]
    for text in (
        '',
        '1_0',
        '5.5',
        '5.',
        '.0',
        '5.01',
        '１',
        '1 2',
        '1000000000',
        'x',
        '--1',
    ):
        with pytest.raises(ValueError, match='here: .* not a whole number'):
            whole_numbers('here', ['1', text])


def test_checks():
    check_box('here', (-1, 0, 0, 1))
    for box in ((0, 0, 0, 1), (0, 5, 9, 4)):
        with pytest.raises(EmptyBoxError, match='here: the box .* is empty'):
            check_box('here', box)
    check_code('here', 2, ('a', 'b'), first=1)
    for code in (0, 3):
        with pytest.raises(ValueError, match='here: unknown .* 1 to 2 are a'):
            check_code('here', code, ('a', 'b'), first=1)


@pytest.mark.parametrize('read', [csv_rows, spaced_rows])
def test_fuzz(tmp_path, read):
    good = 'a,b c\n"d\n"",",e f\n,,é\n'.encode()
    check_parser(lambda path: list(read(path)), tmp_path / 'x', good)


def test_fuzz_of_the_faces_csv(tmp_path):
    good = (
        b'image,expression,split,left,top,right,bottom\n'
        b'a.png,anger,train,1,2,3,4\nb.png,,val,-1,-2,3,4\n'
    )
    check_parser(
        lambda path: FaceDataset(path, lazy_init=True).read_faces(),
        tmp_path / 'x.csv',
        good,
    )
