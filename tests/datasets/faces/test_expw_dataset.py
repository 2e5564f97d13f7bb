from unittest.mock import patch

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope

from fer_ssl.datasets.faces.expw_dataset import ExpWDataset, read_label_list
from tests.datasets.faces.expw_files import EXPW, write_expw
from tests.helpers.annotation_fuzz import check_parser
from tests.helpers.image_files import pixels


@pytest.fixture
def files(tmp_path):
    return write_expw(tmp_path)


def test_one_item_per_face(files):
    with patch('fer_ssl.datasets.faces.base_face_dataset.print_log') as log:
        dataset = DATASETS.build(files)
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [
        (x['img_path'].rpartition('/')[2], x['gt_label'], x['box'])
        for x in items
    ] == [
        ('angry_actor_104.jpg', 1, (10, 2, 22, 14)),
        ('angry_actor_104.jpg', 4, (20, 5, 30, 15)),
        ('awe_boss_75.jpg', 0, (-5, -3, 60, 50)),
        ('sad_girl_1.jpg', 5, (6, 4, 16, 14)),
    ]
    empty, repeated = (call.args[0] for call in log.call_args_list)
    assert 'their box is empty' in empty and 'line 6' in empty
    assert 'in an earlier line' in repeated and 'line 4' in repeated


def test_names_carry_the_number_of_the_face(files, tmp_path):
    faces, _, _ = read_label_list(str(tmp_path / 'label/label.lst'))
    assert faces.names == [
        'angry_actor_104_0.jpg',
        'angry_actor_104_1.jpg',
        'awe_boss_75_0.jpg',
        'sad_girl_1_2.jpg',
    ]
    assert len(set(faces.images)) == 3


def test_faces_that_are_listed_again(files, tmp_path):
    path = tmp_path / 'label/label.lst'
    row = 'a.jpg 0 1 2 3 4 50'
    path.write_text(f'{row} 1\n{row} 1\n{row} 2\n')
    with patch.object(ExpWDataset, 'warn') as warn:
        dataset = DATASETS.build(files)
    assert dataset.get_gt_labels().tolist() == [2]  # disgust
    messages = [call.args[0] for call in warn.call_args_list]
    assert messages == [
        '1 faces are left out as they are listed in an earlier line: line 2.',
        '1 faces are left out as they are listed in an earlier line, with '
        'another class: line 3.',
    ]


def test_faces_are_cut_out(files):
    init_default_scope('mmpretrain')
    pipeline = [dict(type='LoadImageFromFile'), dict(type='CropFace')]
    dataset = DATASETS.build(dict(files, pipeline=pipeline))
    # top, left, right, bottom = 2, 10, 22, 14 in the file
    expected = pixels(0)[2:14, 10:22, ::-1].astype(int)
    assert dataset[0]['img'].shape == expected.shape
    assert np.abs(dataset[0]['img'] - expected).max() < 12  # JPEG


@pytest.mark.parametrize(
    'line, message',
    [
        ('a.jpg 0 1 2 3 4 50 7', 'unknown expression 7; 0 to 6 are anger'),
        ('a.jpg 0 1 2 3 4 50', '7 fields, expected 8: image_name'),
        ('a b.jpg 0 1 2 3 4 50 1', '9 fields, expected 8'),
        ('a.jpg 0 1 2 3 4.5 50 1', "'4.5' is not a whole number"),
        ('a.jpg x 1 2 3 4 50 1', "'x' is not a whole number"),
        ('a.jpg 0 1 2 3 4 high 1', "confidence 'high' is not a number"),
    ],
)
def test_faulty_line(tmp_path, line, message):
    path = tmp_path / 'label.lst'
    path.write_text(f'ok.jpg 0 1 2 3 4 50 1\n\n{line}\n')
    with pytest.raises(ValueError, match=f'label.lst:3: .*{message}'):
        read_label_list(str(path))


def test_fuzz(files, tmp_path):
    good = (tmp_path / 'label/label.lst').read_bytes()
    check_parser(read_label_list, tmp_path / 'x.lst', good)


def test_no_split_and_missing_files(files, tmp_path):
    with pytest.raises(ValueError, match='no split'):
        DATASETS.build(dict(files, split='train'))
    with pytest.raises(FileNotFoundError, match='no.lst'):
        DATASETS.build(dict(files, ann_file='no.lst'))
    (tmp_path / 'image/origin').rename(tmp_path / 'origin')
    with pytest.raises(FileNotFoundError, match='image/origin: no such fold'):
        DATASETS.build(files)
    files['data_prefix'] = dict(img_path='origin')
    assert len(DATASETS.build(files)) == len(EXPW) - 2
