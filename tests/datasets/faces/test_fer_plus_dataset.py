import re
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.fileio import get
from mmengine.registry import DATASETS, init_default_scope

from fer_ssl.datasets.containers.pixel_text_backend import pixel_text_path
from fer_ssl.datasets.faces.fer_plus_dataset import (
    count_votes,
    read_label_file,
    read_pixel_paths,
    read_votes,
)
from tests.datasets.faces.fer_plus_files import (
    FER_PLUS,
    FER_PLUS_HEADER,
    fer2013_pixels,
    write_fer_plus,
)
from tests.helpers.annotation_fuzz import REPEATABLE, check_parser

WARN = 'fer_ssl.datasets.faces.base_face_dataset.print_log'
LOAD = [dict(type='LoadImageFromFile')]
USAGES = [usage for usage, _, _ in FER_PLUS]


def items(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [
        ('/'.join(x['img_path'].split('/')[-2:]), x['gt_label']) for x in infos
    ]


def test_majority(tmp_path):
    files = write_fer_plus(tmp_path)
    train = DATASETS.build(files)
    # Row 0 has no majority, row 5 contempt, row 6 'unknown', row 8 a tie.
    assert items(train) == [
        ('FER2013Train/fer0000001.png', 0),
        ('FER2013Train/fer0000003.png', 4),
    ]
    val, test = (
        DATASETS.build(dict(files, split=split)) for split in ('val', 'test')
    )
    assert items(val) == [('FER2013Valid/fer0000008.png', 6)]
    assert items(test) == [('FER2013Test/fer0000009.png', 1)]
    assert len(DATASETS.build(dict(files, split=None))) == 4


def test_plurality_and_options(tmp_path):
    files = dict(
        write_fer_plus(tmp_path),
        voting='plurality',
        label_options=dict(contempt='other', uncertain='drop'),
    )
    assert items(DATASETS.build(files)) == [
        ('FER2013Train/fer0000000.png', 0),
        ('FER2013Train/fer0000001.png', 0),
        ('FER2013Train/fer0000003.png', 4),
        ('FER2013Train/fer0000004.png', 7),
    ]


@pytest.mark.parametrize('as_text', [False, True])
def test_label_distributions(tmp_path, as_text):
    files = write_fer_plus(tmp_path, as_text=as_text)
    files['voting'] = 'distribution'

    def scores(**options):
        dataset = DATASETS.build(dict(files, **options))
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        return [
            x['gt_score'].astype(float).round(3).tolist()
            if 'gt_score' in x
            else None
            for x in infos
        ]

    # The classes are neutral, anger, disgust, fear, happiness, sadness,
    # surprise and other; 'unknown' is no class.
    assert scores(split='val') == [[0, 0, 0, 0.4, 0, 0, 0.6, 0]]
    contempt = dict(contempt='other', uncertain='drop')
    assert scores(label_options=contempt)[:4] == [
        [0.4, 0.3, 0.2, 0, 0, 0.1, 0, 0],
        [0.75, 0, 0, 0, 0, 0.125, 0.125, 0],
        [0, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0.125, 0, 0, 0, 0, 0.875],
    ]
    unlabeled = scores(subset='unlabeled')
    assert unlabeled[0] is None, 'not annotated'


def test_unlabeled_rows_without_a_face_are_left_out(tmp_path):
    files = write_fer_plus(tmp_path)
    unlabeled = DATASETS.build(dict(files, subset='unlabeled', split='train'))
    numbers = [int(name[-6:-4]) for name, _ in items(unlabeled)]
    assert numbers == [0, 4, 5, 7]  # not 6: no face, nor the nameless rows


@pytest.mark.parametrize('split', ['train', 'val', 'test', None])
@pytest.mark.parametrize('voting', ['majority', 'plurality'])
def test_text_and_folders_are_the_same_images(tmp_path, split, voting):
    init_default_scope('mmpretrain')
    options = dict(split=split, voting=voting, pipeline=LOAD)
    folders = dict(write_fer_plus(tmp_path / 'folders'), **options)
    text = dict(write_fer_plus(tmp_path / 'text', as_text=True), **options)
    folders, text = DATASETS.build(folders), DATASETS.build(text)
    assert len(folders) == len(text) > 0
    for left, right in zip(folders, text):
        np.testing.assert_array_equal(left['img'], right['img'])
        assert left['gt_label'] == right['gt_label']


def test_pixels_go_by_row_not_by_the_number_in_the_name(tmp_path):
    init_default_scope('mmpretrain')
    files = write_fer_plus(tmp_path, as_text=True)
    dataset = DATASETS.build(
        dict(
            files,
            voting='plurality',
            label_options=dict(contempt='other'),
            pipeline=LOAD,
        )
    )
    # fer0000004.png, contempt, is in row 5.
    np.testing.assert_array_equal(
        dataset[3]['img'], np.repeat(fer2013_pixels(5)[..., None], 3, 2)
    )
    assert dataset.read_faces().names[3] == 'fer0000004.png'


def test_text_of_another_form(tmp_path):
    files = write_fer_plus(tmp_path, as_text=True)
    path = tmp_path / 'fer2013.csv'
    expected = dict(zip(range(99), read_pixel_paths(str(path), USAGES, 'x')))
    rows = [line.split(',') for line in path.read_text().splitlines()]
    lines = [f'{a}, {c}, "{b}"' for a, b, c in rows]
    path.write_text('\r\n'.join(['emotion, Usage, pixels', *lines[1:], '']))
    paths = read_pixel_paths(str(path), USAGES, 'x')
    assert len(paths) == len(expected)
    for row, image in enumerate(paths):
        assert get(image)[-48 * 48 :] == fer2013_pixels(row).tobytes()
    assert len(DATASETS.build(files)) == 2


@REPEATABLE
@given(
    st.lists(
        st.lists(st.integers(0, 10), min_size=10, max_size=10), min_size=1
    )
)
def test_votes_by_hand(rows):
    majority = count_votes(np.array(rows), 'majority')
    plurality = count_votes(np.array(rows), 'plurality')
    most = count_votes(np.array(rows), 'most')
    for votes, absolute, relative, first in zip(
        rows, majority, plurality, most
    ):
        assert first == (votes.index(max(votes)) if any(votes) else -1)
        kept = {i: n for i, n in enumerate(votes) if n > 1}
        wins = [i for i in kept if kept[i] > sum(kept.values()) / 2]
        assert absolute == (wins[0] if wins else -1)
        best = [i for i in kept if kept[i] == max(kept.values())]
        assert relative == (best[0] if len(best) == 1 else -1)
        if wins:
            assert relative == absolute


REPEATED = (
    'Training,b.png,0,9,1,0,0,0,0,0,0,0\n'
    'Training,c.png,8,0,0,2,0,0,0,0,0,0\n'
    'Training,b.png,0,0,0,9,1,0,0,0,0,0\n'
    'Training,a.png,9,1,0,0,0,0,0,0,0,0\n'
    'Training,c.png,0,0,0,0,0,0,0,0,0,10\n'
    'PublicTest,b.png,0,0,9,0,0,1,0,0,0,0\n'
)


def write_repeated(root):
    (root / 'data/FER2013Train').mkdir(parents=True)
    (root / 'fer2013new.csv').write_text(FER_PLUS_HEADER + '\n' + REPEATED)
    pixels = ' '.join(['9'] * 2304)
    usages = [line.split(',')[0] for line in REPEATED.splitlines()]
    rows = ''.join(f'0,{pixels},{usage}\n' for usage in usages)
    (root / 'fer2013.csv').write_text(f'emotion,pixels,Usage\n{rows}')
    return dict(type='FERPlusDataset', data_root=str(root))


def test_of_a_repeated_image_the_last_row_counts(tmp_path):
    with patch(WARN) as log:
        dataset = DATASETS.build(write_repeated(tmp_path))
    # c.png has no face in its last row.
    assert items(dataset) == [
        ('FER2013Train/b.png', 5),
        ('FER2013Train/a.png', 0),
    ]
    (warning,) = (call.args[0] for call in log.call_args_list)
    assert 'listed more than once: 2, such as ' in warning


def test_repeated_names_of_pixels_are_different_images(tmp_path):
    files = dict(write_repeated(tmp_path), pixels='fer2013.csv')
    with patch(WARN) as log:
        dataset = DATASETS.build(files)
    log.assert_not_called()
    labels = [
        info['gt_label'] for info in map(dataset.get_data_info, range(4))
    ]
    assert labels == [4, 0, 5, 0]
    assert len({dataset.get_data_info(i)['img_path'] for i in range(4)}) == 4
    # Files that a tool writes under these names do not replace each other.
    faces = DATASETS.build(dict(files, split=None)).read_faces()
    assert faces.names == ['b.png', 'c.png', 'b_2.png', 'a.png', 'b_3.png']


LABEL = 'fer1.png,"(0, 0, 48, 48)",0,0,0,0,9,1,0,0,0,0\n'


def test_votes_of_the_label_files(tmp_path):
    files = dict(write_fer_plus(tmp_path), votes='label')
    for split, text in (('Train', LABEL * 2), ('Valid', LABEL), ('Test', '')):
        path = tmp_path / f'data/FER2013{split}/label.csv'
        path.write_text(text)
    assert items(DATASETS.build(files)) == [('FER2013Train/fer1.png', 1)]
    both = DATASETS.build(dict(files, split=None))
    assert items(both) == [
        ('FER2013Train/fer1.png', 1),
        ('FER2013Valid/fer1.png', 1),
    ]
    dataset = DATASETS.build(dict(files, voting='distribution'))
    score = dataset.get_data_info(0)['gt_score']
    assert score.dtype == np.float32
    assert score.tolist() == pytest.approx([0, 0.9, 0.1, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match='cannot be combined with `pixels`'):
        DATASETS.build(dict(files, pixels='fer2013.csv'))
    with pytest.raises(ValueError, match="votes='new' is none of"):
        DATASETS.build(dict(files, votes='new'))


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('48, 48', '40, 40', ':1: expected the image, the box .*40, 40'),
        (',9,', ',9.5,', ":1: '9.5' is not a whole number"),
        (',1,', ',-1,', ':1: a number of votes is negative'),
        (',9,1', ',9', ':1: expected the image'),
    ],
)
def test_faulty_label_file(tmp_path, old, new, message):
    path = tmp_path / 'label.csv'
    path.write_text(LABEL.replace(old, new))
    with pytest.raises(ValueError, match=f'label.csv{message}'):
        read_label_file(str(path))


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    'old, new, message',
    [
        (',NF\n', '\n', ':1: the header is'),
        (',3,2,0,', ',3,0,', ':2: 11 fields, expected 12'),
        ('PublicTest', 'Public', ":11: unknown usage 'Public'; .*Training"),
        (',10,0,0', ',ten,0,0', ":5: 'ten' is not a whole number"),
        ('4,0,0,1,3', '4,0,0,-1,3', ':2: a number of votes is negative'),
    ],
)
def test_faulty_votes(tmp_path, old, new, message):
    write_fer_plus(tmp_path)
    path = tmp_path / 'fer2013new.csv'
    edit(path, old, new)
    with pytest.raises(ValueError, match=f'fer2013new.csv{message}'):
        read_votes(str(path))


@pytest.mark.parametrize(
    'old, new, message',
    [
        (
            'emotion,pixels',
            'emotion,pixel',
            ":1: the header is 'emotion,pixel,",
        ),
        (',PublicTest\n', ',Training\n', r":11: usage 'Training', but row 10"),
        (',PrivateTest\n', '\n', ':12: not an emotion, 2304 pixels'),
        (',PrivateTest\n', ',1,PrivateTest\n', ':12: not an emotion'),
        (',PublicTest\n', ' 7,PublicTest\n', ':11: not an emotion, 2304'),
        (',PublicTest\n', '.,PublicTest\n', ':11: not an emotion, 2304'),
    ],
)
def test_faulty_pixels(tmp_path, old, new, message):
    files = write_fer_plus(tmp_path, as_text=True)
    edit(tmp_path / 'fer2013.csv', old, new)
    with pytest.raises(ValueError, match=f'fer2013.csv{message}'):
        DATASETS.build(files)


@pytest.mark.parametrize('row', [0, 4, 9, 10])
def test_lost_row_never_shifts_the_images(tmp_path, row):
    files = write_fer_plus(tmp_path, as_text=True)
    path = tmp_path / 'fer2013.csv'
    header, *rows = path.read_text().splitlines(keepends=True)
    del rows[row]
    path.write_text(''.join([header, *rows]))
    with pytest.raises(ValueError, match='the same images in the same order'):
        DATASETS.build(files)


def test_additional_row(tmp_path):
    files = write_fer_plus(tmp_path, as_text=True)
    path = tmp_path / 'fer2013.csv'
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(''.join([*lines, lines[-1]]))
    with pytest.raises(ValueError, match=':13: usage .* has None'):
        DATASETS.build(files)


def test_fuzz_votes(tmp_path):
    write_fer_plus(tmp_path)
    good = (tmp_path / 'fer2013new.csv').read_bytes()
    check_parser(read_votes, tmp_path / 'x.csv', good)


def test_fuzz_pixels(tmp_path):
    write_fer_plus(tmp_path, as_text=True)
    good = (tmp_path / 'fer2013.csv').read_bytes().split(b'\n', 3)[:3]
    rows = b'\n'.join(good) + b'\n'

    def parse(path):
        # A wrong number of rows has no line to name.
        try:
            read_pixel_paths(path, USAGES[:2], 'votes.csv')
        except ValueError as error:
            if not re.match(rf'{path}: \d+ images, but votes', str(error)):
                raise

    check_parser(parse, tmp_path / 'x.csv', rows)


def test_missing_files(tmp_path):
    files = write_fer_plus(tmp_path, as_text=True)
    with pytest.raises(FileNotFoundError, match='no.csv: no such file of pi'):
        DATASETS.build(dict(files, pixels='no.csv'))
    del files['pixels']
    with pytest.raises(FileNotFoundError, match='data: no such folder'):
        DATASETS.build(files)
    with pytest.raises(ValueError, match="voting='mean' is none of"):
        DATASETS.build(dict(files, voting='mean'))


def test_paths_without_a_data_root(tmp_path, monkeypatch):
    files = write_fer_plus(tmp_path, as_text=True)
    del files['data_root']
    monkeypatch.chdir(tmp_path)
    assert len(DATASETS.build(files)) == 2


GOOD = ' '.join(['255'] * 2304)


@pytest.mark.parametrize(
    'text', ['', GOOD[:-4], f'{GOOD} 1', f'256{GOOD[3:]}', f'-1{GOOD[3:]}']
)
def test_invalid_pixels(tmp_path, text):
    path = tmp_path / 'x.csv'
    path.write_text(text)
    image = pixel_text_path(str(path), 0, len(text))
    with pytest.raises(OSError, match='not 2304 numbers'):
        get(image)


def test_path_of_pixels(tmp_path):
    path = tmp_path / 'a?offset=1 b.csv'
    path.write_text(f'xx{GOOD}')
    image = pixel_text_path(str(path), 2, len(GOOD))
    assert get(image) == b'P5 48 48 255\n' + b'\xff' * 2304
    with pytest.raises(ValueError, match='expected SCHEME://FILE'):
        get(f'pixels://{path}')
    with pytest.raises(FileNotFoundError):
        get(pixel_text_path(str(tmp_path / 'no.csv'), 0, 1))


def test_damaged_pixels_are_skipped_like_a_damaged_image(tmp_path):
    init_default_scope('mmpretrain')
    files = write_fer_plus(tmp_path, as_text=True)
    path = tmp_path / 'fer2013.csv'
    lines = path.read_text().splitlines(keepends=True)
    emotion, pixels, usage = lines[2].split(',')
    pixels = ' '.join(['999', *pixels.split()[1:]])
    lines[2] = ','.join((emotion, pixels, usage))
    path.write_text(''.join(lines))
    dataset = DATASETS.build(dict(files, pipeline=LOAD))
    with pytest.raises(ValueError, match='pixels://.*not a readable image'):
        dataset[0]
    dataset = DATASETS.build(
        dict(
            files,
            pipeline=LOAD,
            on_unreadable='skip',
            metainfo=dict(classes=('neutral',)),
            label_options=dict(drop=('happiness',)),
        )
    )
    with pytest.raises(ValueError, match='no readable image of class'):
        dataset[0]
    assert dataset.num_unreadable == 1
