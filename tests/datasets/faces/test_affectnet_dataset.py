import csv
import time
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.registry import DATASETS, init_default_scope

from fer_ssl.datasets.faces.affectnet_dataset import (
    read_code,
    read_csv_release,
    read_npy_release,
)
from tests.datasets.faces.affectnet_files import (
    AFFECTNET_HEADER,
    write_affectnet_2017,
    write_affectnet_2021,
)
from tests.helpers.annotation_fuzz import REPEATABLE, check_parser, damaged
from tests.helpers.image_files import pixels

WARN = 'fer_ssl.datasets.faces.base_face_dataset.print_log'


def items(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    names = ['/'.join(info['img_path'].split('/')[-2:]) for info in infos]
    return list(zip(names, (info['gt_label'] for info in infos)))


@pytest.mark.parametrize('header', [True, False])
def test_2017(tmp_path, header):
    files = write_affectnet_2017(tmp_path, header, header)
    with patch(WARN) as log:
        dataset = DATASETS.build(files)
    assert items(dataset) == [
        ('1/aa.jpg', 0),
        ('1/bb.JPG', 4),
        ('2/cc.png', 1),
    ]
    assert dataset.get_data_info(2)['box'] == (-4, 10, 46, 50)
    # Boxes are missing or empty, with and without an expression to learn.
    message = log.call_args.args[0]
    assert 'left out as they have no box' in message
    assert 'training.csv: 3 faces' in message
    lines = [7 + header, 9 + header, 10 + header]
    assert ', '.join(f'line {n}' for n in lines) in message
    val = DATASETS.build(dict(files, split='val'))
    assert items(val) == [('9/v0.jpg', 5), ('9/v1.jpg', 2)]


def test_2017_classes_without_a_label_are_unlabeled(tmp_path):
    files = write_affectnet_2017(tmp_path)
    unlabeled = DATASETS.build(
        dict(files, subset='unlabeled', labeled_per_class=0)
    )
    names = [name for name, _ in items(unlabeled)]
    # Contempt, none, uncertain; not the images without a face.
    assert names[3:] == ['2/dd.jpg', '3/ee.jpg', '3/ff.jpg']
    options = dict(contempt='other', none='other', no_face='other')
    dataset = DATASETS.build(dict(files, label_options=options))
    assert items(dataset)[3:] == [
        ('2/dd.jpg', 7),
        ('3/ee.jpg', 7),
        ('3/hh.jpg', 7),
    ]


def test_2017_lost_classes_are_reported(tmp_path):
    files = write_affectnet_2017(tmp_path)
    with patch('fer_ssl.labels.print_log') as log:
        DATASETS.build(files)
    assert 'no class for contempt, none, uncertain' in log.call_args.args[0]
    options = dict(contempt='drop', none='drop', uncertain='drop')
    with patch('fer_ssl.labels.print_log') as log:
        DATASETS.build(dict(files, label_options=options))
    log.assert_not_called()


def test_2017_faces_are_cut_out(tmp_path):
    init_default_scope('mmpretrain')
    dataset = DATASETS.build(
        dict(
            write_affectnet_2017(tmp_path),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='CropFace')],
        )
    )
    expected = pixels(2)[10:, :, ::-1]
    np.testing.assert_array_equal(dataset[2]['img'], expected)
    image = dataset[0]['img']
    assert image.shape == (16, 20, 3)
    expected = pixels(0)[6:22, 4:24, ::-1].astype(int)
    assert np.abs(image - expected).max() < 12  # JPEG


def test_2017_images_in_a_folder_further_down(tmp_path):
    files = write_affectnet_2017(tmp_path)
    inner = tmp_path / 'Manually_Annotated'
    inner.mkdir()
    (tmp_path / 'Manually_Annotated_Images').rename(
        inner / 'Manually_Annotated_Images'
    )
    path = DATASETS.build(files).get_data_info(0)['img_path']
    assert path.endswith(
        '/Manually_Annotated/Manually_Annotated_Images/1/aa.jpg'
    )


def test_2017_other_file(tmp_path):
    files = write_affectnet_2017(tmp_path)
    lists = tmp_path / 'Manually_Annotated_file_lists'
    (lists / 'training.csv').rename(tmp_path / 'other.csv')
    assert len(DATASETS.build(dict(files, ann_file='other.csv'))) == 3


def row(image='1/a.jpg', code=0, face='1,2,3,4'):
    return f'{image},{face},0.5;0.5,{code},0.1,0.1\n'


def test_2017_faces_that_are_listed_again(tmp_path):
    path = tmp_path / 'x.csv'
    other_face = row(code=2, face='9,2,3,4')
    path.write_text(row() + row(face='1.0,2,3,4') + other_face + row(code=3))
    faces, without_box, repeated = read_csv_release(str(path))
    assert (faces.labels.tolist(), without_box) == ([0, 2], [])
    assert repeated == {'line 2': False, 'line 4': True}


@pytest.mark.parametrize(
    'text, message',
    [
        (row(code=11), ':1: unknown expression 11; 0 to 10 are neutral'),
        (row() + row(code=-1), ':2: unknown expression -1'),
        (row() + row(code='happy'), ":2: 'happy' is not a whole number"),
        (row() + row(image=''), ':2: no image'),
        (row() + row(face='1,2,3,x'), ":2: 'x' is not a whole"),
        (row() + row(face='1,2,3'), ':2: 8 fields, expected 9: subDir'),
        ('subDirectory_filePath,expression\n', ':1: column face_x, face_y'),
    ],
)
def test_2017_faulty_file(tmp_path, text, message):
    path = tmp_path / 'x.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=f'x.csv{message}'):
        read_csv_release(str(path))


def test_2017_that_pandas_has_written(tmp_path):
    path = tmp_path / 'x.csv'
    path.write_text(row(face='1.0,2.0,3.0,4.0', code='5.0'))
    faces, *_ = read_csv_release(str(path))
    assert faces.labels.tolist() == [5]
    assert faces.boxes.tolist() == [[1, 2, 4, 6]]
    path.write_text(row(face='1.5,2.0,3.0,4.0'))
    with pytest.raises(ValueError, match=":1: '1.5' is not a whole number"):
        read_csv_release(str(path))


def test_2017_columns_in_another_order(tmp_path):
    path = tmp_path / 'x.csv'
    names = ['expression', *AFFECTNET_HEADER[:6]]
    path.write_text(f'{",".join(names)}\n5,a.jpg,1,2,3,4,0;0\n')
    faces, *_ = read_csv_release(str(path))
    assert faces.images == ['a.jpg'] and faces.labels.tolist() == [5]
    assert faces.boxes.tolist() == [[1, 2, 4, 6]]


def test_2017_fuzz(tmp_path):
    files = write_affectnet_2017(tmp_path / 'good')
    lists = tmp_path / 'good/Manually_Annotated_file_lists'
    good = (lists / 'training.csv').read_bytes()
    check_parser(read_csv_release, tmp_path / 'x.csv', good)
    assert len(DATASETS.build(files)) == 3


@REPEATABLE
@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(codec='utf-8', exclude_characters='\0'),
                min_size=1,
            ),
            st.integers(-99, 999),
            st.integers(1, 999),
            st.integers(0, 10),
        ),
        min_size=1,
        unique_by=lambda row: row[:3],
    ),
    st.booleans(),
)
def test_2017_any_names(tmp_path_factory, rows, header):
    path = tmp_path_factory.getbasetemp() / 'names.csv'
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(AFFECTNET_HEADER)
        for image, x, size, code in rows:
            writer.writerow((image, x, -x, size, 7, '0;0', code, -2, -2))
    faces, left_out, repeated = read_csv_release(str(path))
    assert not left_out and not repeated
    assert faces.images == [image for image, *_ in rows]
    assert faces.labels.tolist() == [code for *_, code in rows]
    assert faces.boxes.tolist() == [
        [x, -x, x + size, 7 - x] for _, x, size, _ in rows
    ]


def test_2021(tmp_path):
    files = write_affectnet_2021(tmp_path)
    options = dict(contempt='other', none='drop', uncertain='drop')
    dataset = DATASETS.build(dict(files, label_options=options))
    # By number, contempt as other; no-face is gone, 'none' has no label.
    assert items(dataset) == [
        ('images/0.jpg', 7),
        ('images/2.jpg', 4),
        ('images/5.jpg', 1),
        ('images/10.jpg', 0),
    ]
    unlabeled = DATASETS.build(
        dict(files, split='val', subset='unlabeled', label_options=options)
    )
    assert items(unlabeled) == [('images/33.jpg', -1)]
    assert 'val_set/images' in unlabeled.get_data_info(0)['img_path']
    assert 'box' not in unlabeled.get_data_info(0)


def test_2021_missing_files(tmp_path):
    files = write_affectnet_2021(tmp_path)
    images, annotations = (
        tmp_path / 'train_set' / name for name in ('images', 'annotations')
    )
    (images / '2.jpg').unlink()
    with patch(WARN) as log:
        assert len(DATASETS.build(files)) == 2
    assert (
        '1 faces are left out as their image is missing: 2_exp.npy'
        in (log.call_args.args[0])
    )
    (annotations / '5_exp.npy').unlink()
    message = '1 of 5 images have no annotation there, such as 5_exp.npy'
    with pytest.raises(FileNotFoundError, match=message):
        DATASETS.build(files)
    annotations.rename(tmp_path / 'moved')
    with pytest.raises(FileNotFoundError, match='train_set/annotations: no'):
        DATASETS.build(files)
    with pytest.raises(FileNotFoundError, match='x/images: no such folder'):
        DATASETS.build(dict(files, data_prefix=dict(img_path='x/images')))


@pytest.mark.parametrize(
    'value, code',
    [
        ('7', 7),
        ('10', 10),
        (np.str_(' 3 '), 3),
        (3, 3),
        (np.int8(0), 0),
        (4.0, 4),
        (['2'], 2),
        ([[5]], 5),
    ],
)
def test_2021_forms_of_a_number(tmp_path, value, code):
    path = tmp_path / '0_exp.npy'
    np.save(path, np.array(value))
    assert read_code(str(path)) == code


@pytest.mark.parametrize(
    'value, message',
    [
        ('11', 'unknown expression 11'),
        ('happy', "'happy' is not a whole number"),
        (1.5, '1.5 is not a whole number'),
        (np.nan, 'nan is not a whole number'),
        (np.inf, 'inf is not a whole number'),
        (True, 'True is not a whole number'),
        (b'1', 'is not a whole number'),
        ([1, 2], 'no array of one value'),
        (np.array(None), 'no array of one value.*pickle'),
    ],
)
def test_2021_faulty_numbers(tmp_path, value, message):
    path = tmp_path / '0_exp.npy'
    np.save(path, np.array(value))
    with pytest.raises(ValueError, match=f'0_exp.npy: .*{message}'):
        read_code(str(path))


def test_2021_fuzz(tmp_path):
    path = tmp_path / '0_exp.npy'
    np.save(path, np.array('3'))

    @REPEATABLE
    @given(st.one_of(st.binary(), damaged(path.read_bytes())))
    def check(content):
        copy = tmp_path / 'x.npy'
        copy.write_bytes(content)
        try:
            assert 0 <= read_code(str(copy)) <= 10
        except ValueError as error:
            assert str(error).startswith(f'{copy}: ')

    check()


def test_2021_is_read_quickly(tmp_path):
    images, annotations = tmp_path / 'images', tmp_path / 'annotations'
    images.mkdir()
    annotations.mkdir()
    one = tmp_path / 'one.npy'
    codes = np.arange(4000) % 11
    for code in range(11):
        np.save(one, np.array(str(code)))
        content = one.read_bytes()
        for number in np.flatnonzero(codes == code):
            (images / f'{number}.jpg').touch()
            (annotations / f'{number}_exp.npy').write_bytes(content)
    start = time.process_time()
    faces, _ = read_npy_release(str(images))
    # All 290,000 images must take less than a minute on one processor.
    assert (time.process_time() - start) / 4000 < 60 / 290_000
    np.testing.assert_array_equal(faces.labels, codes)


@pytest.mark.parametrize('wrong', [dict(release='2019'), dict(split='test')])
def test_wrong_options(wrong):
    with pytest.raises(ValueError, match='AffectNetDataset: '):
        DATASETS.build(dict(type='AffectNetDataset', **wrong))


def test_missing_file(tmp_path):
    (tmp_path / 'Manually_Annotated_Images').mkdir()
    with pytest.raises(FileNotFoundError, match='training.csv.*data_root'):
        DATASETS.build(dict(type='AffectNetDataset', data_root=str(tmp_path)))
