"""Lists that hold a face, an image or a person more than once."""

import re
from unittest.mock import patch

import pytest

from fer_ssl.data_preparation.check.data_check import DataCheck, Faces
from fer_ssl.data_preparation.check.data_report import describe, has_problems
from fer_ssl.data_preparation.still_sequences import read_stills
from fer_ssl.datasets import FaceDataset, VideoFrameDataset
from fer_ssl.datasets.videos.frames_csv import read_frames_csv
from fer_ssl.face_detection import BoxesFromCSV
from fer_ssl.utils.warn_once import warn_once

HEADER = 'image,expression,identity,split\n'
CLEAN = HEADER + 'a.png,anger,p,train\nb.png,fear,q,val\nc.png,,,val\n'


@pytest.fixture
def write(tmp_path):
    warn_once.cache_clear()

    def write(text, name='labels.csv'):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def warnings_of(path, times=1, kind=FaceDataset, **kwargs):
    with patch('fer_ssl.utils.warn_once.print_log') as log:
        for _ in range(times):
            dataset = kind(path, **kwargs)
    return dataset, [call.args[0] for call in log.call_args_list]


def test_a_clean_list_is_silent(write):
    dataset, messages = warnings_of(write(CLEAN))
    assert len(dataset) == 2 and messages == []


@pytest.mark.parametrize(
    'header, column',
    [
        ('image,expression,expression', 'expression'),
        ('image,expression,x,image,x', 'image, x'),
    ],
)
@pytest.mark.parametrize('begin', ['', '\n\n'])
def test_a_column_given_twice(write, header, column, begin):
    path = write(f'{begin}{header}\na.png,anger,fear\n')
    line = 1 + len(begin)
    message = rf'csv:{line}: column {column} is given twice'
    with pytest.raises(ValueError, match=message):
        FaceDataset(path)


@pytest.mark.parametrize(
    'read, header',
    [
        (VideoFrameDataset, 'video,frame,image,image,expression'),
        (BoxesFromCSV, 'frame,left,top,right,bottom,left'),
        (
            lambda path: read_stills(path, ['anger']),
            'image,expression,identity,split,split',
        ),
    ],
)
def test_a_column_given_twice_in_other_lists(write, read, header):
    twice = re.search(r'(\w+)(?=,.*\b\1\b)', header)[1]
    with pytest.raises(ValueError, match=f'csv:1: column {twice} is given tw'):
        read(write(f'{header}\n'))


def test_columns_without_a_name(write):
    path = write('image,expression,,\na.png,anger,,\n')
    assert len(FaceDataset(path)) == 1


@pytest.mark.parametrize('other', ['a.png', './a.png', 'x/../a.png'])
@pytest.mark.parametrize('split', ['train', 'val'])
def test_two_classes_for_one_image(write, other, split):
    path = write(f'{CLEAN}{other},fear,p,{split}\n')
    message = r"csv:5: a\.png is of class 'fear' .* 'anger' in line 2\. "
    with pytest.raises(ValueError, match=message):
        FaceDataset(path, split='train')
    path = write(f'{HEADER}a.png,anger,p,{split}\n{other},fear,p,{split}\n')
    with pytest.raises(ValueError, match='csv:3: a.png is of class'):
        read_stills(path, ['anger', 'fear'])


def test_two_classes_behind_a_row_without_one(write):
    path = write(f'{CLEAN}c.png,anger,,val\nc.png,fear,,val\n')
    message = r"csv:6: c\.png is of class 'fear' .* 'anger' in line 5"
    with pytest.raises(ValueError, match=message):
        FaceDataset(path)


def test_faces_with_boxes(write):
    header = 'image,expression,left,top,right,bottom\n'
    rows = 'a.png,anger,0,0,9,9\na.png,fear,9,0,19,9\n'
    dataset, messages = warnings_of(write(header + rows))
    assert len(dataset) == 2 and messages == []
    with pytest.raises(ValueError, match="csv:4: a.png is of class 'happi"):
        FaceDataset(write(f'{header}{rows}a.png,happiness,0,0,9,9\n'))


def test_a_row_given_twice_is_kept_with_one_warning(write):
    path = write(f'{CLEAN}a.png,anger,p,train\nc.png,,,val\n')
    dataset, messages = warnings_of(path, times=3)
    assert len(dataset) == 3
    assert messages == [
        f'{path}: Rows that list a face again, which counts twice: 2, such as '
        'a.png (lines 2 and 5); c.png (lines 4 and 6).'
    ]


CROSSING = (
    CLEAN
    + 'd.png,anger,p,val\ne.png,fear,p,test\na.png,anger,r,val\n'
    + ''.join(f'f{i}.png,anger,s{i % 3},{"ab"[i > 2]}\n' for i in range(6))
)
FINDINGS = [
    'People in more than one split, so that the splits are not independent: '
    '4, such as p (train in line 2, val in 5); s0 (a in line 8, b in 11); '
    's1 (a in line 9, b in 12); ...',
    'Images in more than one split, so that the splits are not independent: '
    '1, such as a.png (train in line 2, val in 7).',
    'Rows that list a face again, which counts twice: 1, such as a.png (lines '
    '2 and 7).',
]


def test_people_and_images_in_two_splits(write):
    path = write(CROSSING)
    for split in ('train', None):
        warn_once.cache_clear()
        dataset, messages = warnings_of(path, times=2, split=split)
        assert dataset.findings == FINDINGS
        assert messages == [f'{path}: {finding}' for finding in FINDINGS]


def test_findings_of_the_check(write, tmp_path):
    (tmp_path / 'images').mkdir()
    path = write(CROSSING)
    for _ in range(2):  # a process may check twice
        check = DataCheck(str(tmp_path), images='none')
        check.run()
        (part,) = check.reports[0].parts
        assert part.findings == FINDINGS and not part.notes
        assert has_problems(check.reports)
    page = describe(str(tmp_path), check.reports)
    assert page.count('    finding: ') == 3
    assert 'finding: People in more than one split' in page
    assert page.endswith('Nothing is missing or broken. Findings: 3.')
    write(CLEAN)
    check = DataCheck(str(tmp_path), images='none')
    check.run()
    assert not has_problems(check.reports) and path


def test_findings_of_a_part_of_several(write, tmp_path):
    path = write(CROSSING)
    parts = [dict(type='FaceDataset', ann_file=path, data_root=str(tmp_path))]
    faces = Faces(dict(type='ConcatDataset', datasets=parts))
    assert faces.findings == FINDINGS


def test_rows_without_an_image_are_no_face(write):
    """The rows belong to a split that was not requested."""
    path = write(f'{CLEAN},anger,q,other\n,fear,q,other\n')
    dataset, messages = warnings_of(path, split='train')
    assert len(dataset) == 1 and not messages


@pytest.mark.parametrize('box', [' 0,0,9,9', '0.0,0,9,9.0'])
def test_boxes_are_compared_by_their_numbers(write, box):
    header = 'image,expression,left,top,right,bottom\n'
    rows = f'a.png,fear,0,0,9,9\na.png,anger,{box}\n'
    with pytest.raises(ValueError, match="csv:3: a.png is of class 'anger'"):
        FaceDataset(write(f'{header}{rows}'))


FRAMES = 'video,frame,image,expression,split\na,1,a1.png,anger,train\n'


def test_images_of_videos_in_two_splits(write, tmp_path):
    (tmp_path / 'frames').mkdir()
    path = write(
        f'{FRAMES}a,2,a1.png,anger,train\nb,1,a1.png,fear,val\nb,2,,,val\n',
        'frames.csv',
    )
    finding = (
        'Images in more than one split, so that the splits are not '
        'independent: 1, such as a1.png (train in line 2, val in 4).'
    )
    for reader in (None, dict(type='FramesCSVReader')):
        warn_once.cache_clear()
        _, messages = warnings_of(
            path, times=2, kind=VideoFrameDataset, reader=reader
        )
        assert messages == [f'{path}: {finding}']
    check = DataCheck(str(tmp_path), images='none')
    check.run()
    (part,) = check.reports[0].parts
    assert part.findings == [finding]


@pytest.mark.parametrize(
    'row', ['a,1,a1.png,anger,train', 'a,2,a2.png,anger,val']
)
def test_frames_twice_and_videos_in_two_splits(write, row):
    with pytest.raises(ValueError, match=r'csv:3: .*begins in line 2\.'):
        read_frames_csv(write(f'{FRAMES}{row}\n'), ['anger'])
