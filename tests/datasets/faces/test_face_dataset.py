import os
from unittest.mock import patch

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from fer_ssl.datasets import FaceDataset

ROWS = [
    *[(f'n{i}.png', 'neutral', 'train') for i in range(9)],
    *[(f'a{i}.png', 'anger', 'train') for i in range(4)],
    *[(f'h{i}.png', 'happiness', 'train') for i in range(6)],
    *[(f'f{i}.png', 'fear', 'train') for i in range(2)],
    *[(f'u{i}.png', '', 'train') for i in range(3)],
    *[(f'v{i}.png', 'anger', 'val') for i in range(2)],
]


@pytest.fixture
def faces(write_faces):
    return dict(write_faces(ROWS), ignore_classes=('fear',))


def names(dataset):
    return [
        os.path.basename(dataset.get_data_info(i)['img_path'])
        for i in range(len(dataset))
    ]


def test_all_keeps_annotated_faces_of_the_split(faces):
    dataset = FaceDataset(**faces, split='train')
    assert len(dataset) == 19
    assert np.bincount(dataset.get_gt_labels()).tolist() == [9, 4, 6]
    assert dataset.get_cat_ids(0) == [0]
    assert len(FaceDataset(**faces, split='val')) == 2
    assert len(FaceDataset(**faces)) == 21


def test_labeled_and_unlabeled_complete_each_other(faces):
    kwargs = dict(faces, split='train', labeled_per_class=3, seed=1)
    labeled = FaceDataset(**kwargs, subset='labeled')
    unlabeled = FaceDataset(**kwargs, subset='unlabeled')
    assert np.bincount(labeled.get_gt_labels()).tolist() == [3, 3, 3]
    assert set(names(labeled)).isdisjoint(names(unlabeled))
    assert len(labeled) + len(unlabeled) == 24
    # Ignored classes and faces without annotation have no known truth.
    assert (unlabeled.get_gt_labels() == -1).sum() == 5
    same = FaceDataset(**kwargs, subset='labeled')
    assert names(same) == names(labeled)
    other = FaceDataset(**{**kwargs, 'seed': 2}, subset='labeled')
    assert names(other) != names(labeled)


def test_split_that_is_a_number(write_faces):
    rows = [(f'{i}.png', 'anger', str(i % 2)) for i in range(5)]
    dataset = FaceDataset(**write_faces(rows), split=1)
    assert names(dataset) == ['1.png', '3.png']


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('version https://git-lfs.github.com/spec/v1\n', ':1: this is a Git'),
        ('anger\n\nfear\n', ":2: '' is empty or listed before"),
        ('anger\nfear\nanger\n', ":3: 'anger' is empty or listed before"),
    ],
)
def test_files_that_do_not_list_classes(tmp_path, text, problem):
    path = tmp_path / 'classes.txt'
    path.write_text(text)
    with pytest.raises(ValueError, match=rf'classes\.txt{problem}'):
        FaceDataset('a.csv', metainfo=dict(classes=str(path)), lazy_init=True)


def test_file_of_classes(faces, tmp_path):
    path = tmp_path / 'classes.txt'
    faces['metainfo'] = dict(classes=str(path))
    with pytest.raises(ValueError, match='classes.txt.*no such file'):
        FaceDataset(**faces)
    path.write_text('anger\nneutral\nhappiness\n')
    labels = FaceDataset(**faces, split='train').get_gt_labels()
    assert np.bincount(labels).tolist() == [4, 9, 6]


def test_small_class_is_reported(faces):
    with patch('fer_ssl.datasets.faces.base_face_dataset.print_log') as log:
        dataset = FaceDataset(
            **faces, split='train', subset='labeled', labeled_per_class=5
        )
    assert 'class anger has 4 faces' in log.call_args.args[0]
    assert np.bincount(dataset.get_gt_labels()).tolist() == [5, 4, 5]


def test_ratio_of_the_labeled_classes(faces):
    kwargs = dict(faces, split='train', labeled_per_class=4, labeled_ratio=4)
    labeled = FaceDataset(**kwargs, subset='labeled')
    # By size neutral, happiness, anger: 1, 1/2 and 1/4 of 12 / 1.75.
    assert np.bincount(labeled.get_gt_labels()).tolist() == [7, 2, 3]
    unlabeled = FaceDataset(**kwargs, subset='unlabeled')
    assert len(unlabeled) == 24 - 12
    for wrong in (
        dict(labeled_ratio=0.5),
        dict(labeled_per_class=None, labeled_ratio=2),
    ):
        with pytest.raises(ValueError, match='labeled_ratio=.* at least 1'):
            FaceDataset(**{**kwargs, **wrong})


def test_truth_column(faces, tmp_path):
    (tmp_path / 'unlabeled.csv').write_text(
        'image,expression,truth\nn0.png,,neutral\na0.png,,\n'
    )
    dataset = FaceDataset(
        **{**faces, 'ann_file': 'unlabeled.csv'},
        subset='unlabeled',
        truth_column='truth',
    )
    assert dataset.get_gt_labels().tolist() == [0, -1]


@pytest.mark.parametrize(
    'text, message',
    [
        ('image,expression\na.png,joy\n', r'x\.csv:2: unknown class .joy'),
        ('image,expression\na.png,anger\n,anger\n', r'x\.csv:3: no image'),
        ('image,label\na.png,anger\n', r'x\.csv:1: column expression'),
        ('', r'x\.csv:1: column expression, image'),
        ('image,expression\na.png,\n', "no face with subset='all'"),
    ],
)
def test_bad_files_are_named(faces, tmp_path, text, message):
    (tmp_path / 'x.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        FaceDataset(**{**faces, 'ann_file': 'x.csv'})


def test_missing_split_column(faces, tmp_path):
    (tmp_path / 'x.csv').write_text('image,expression\na.png,anger\n')
    with pytest.raises(ValueError, match='column split is missing'):
        FaceDataset(**{**faces, 'ann_file': 'x.csv'}, split='train')


def test_missing_file_and_wrong_option(faces):
    with pytest.raises(FileNotFoundError, match='data_root'):
        FaceDataset(**{**faces, 'ann_file': 'no.csv'})
    with pytest.raises(ValueError, match='subset'):
        FaceDataset(**faces, subset='label')


@pytest.fixture
def damaged(faces, tmp_path):
    init_default_scope('mmpretrain')
    (tmp_path / 'images/a0.png').write_bytes(b'\x89PNG broken')
    (tmp_path / 'images/a1.png').write_bytes(b'')
    (tmp_path / 'images/a2.png').unlink()
    return dict(
        faces,
        split='train',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    )


def test_unreadable_image_is_an_error(damaged):
    dataset = FaceDataset(**damaged)
    reasons = ('not a readable', 'an empty file', 'no such image file')
    for index, reason in enumerate(reasons, start=9):
        with pytest.raises(ValueError, match=rf'a\d.png: {reason}'):
            dataset[index]


def test_unreadable_image_is_skipped_within_its_class(damaged):
    dataset = FaceDataset(**damaged, on_unreadable='skip')
    for index in range(9, 12):
        sample = dataset[index]['data_samples']
        assert sample.img_path.endswith('a3.png')
        assert sample.gt_label.item() == 1
    assert dataset.num_unreadable == 3 + 2 + 1


def test_other_errors_of_the_pipeline_are_not_swallowed(damaged):
    def broken(results):
        raise AssertionError('not about the image')

    damaged['pipeline'] = [broken]
    dataset = FaceDataset(**damaged, on_unreadable='skip')
    with pytest.raises(AssertionError, match='not about the image'):
        dataset[0]
