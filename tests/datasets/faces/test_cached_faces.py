import shutil

import pytest
import torch
from mmengine.registry import DATASETS, init_default_scope

from fer_ssl.datasets import CachedFaces, ClassBalancedSampler

LOAD = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='PackInputs'),
]
ROWS = [
    ('a.png', 'neutral', 'train'),
    ('b.png', 'anger', 'train'),
    ('c.png', 'happiness', 'train'),
    ('d.png', 'neutral', 'train'),
    ('e.png', 'anger', 'val'),
    ('f.png', 'happiness', 'val'),
]


@pytest.fixture
def files(write_faces):
    init_default_scope('mmpretrain')
    return dict(type='FaceDataset', **write_faces(ROWS), pipeline=LOAD)


def test_items_are_those_of_the_dataset(files):
    plain = DATASETS.build(dict(files, split='train'))
    cached = CachedFaces(dict(files, split='train'))
    assert cached.images.shape == (4, 1, 32, 32)
    assert cached.images.dtype == torch.uint8
    assert len(cached) == 4
    for index in range(4):
        mine, own = cached[index], plain[index]
        assert torch.equal(mine['inputs'], own['inputs'])
        assert mine['data_samples'].gt_label == own['data_samples'].gt_label
        assert cached.get_cat_ids(index) == plain.get_cat_ids(index)
    assert cached.metainfo == plain.metainfo
    assert cached.get_gt_labels().tolist() == [0, 1, 2, 0]
    sampler = ClassBalancedSampler(cached, seed=0)
    assert sorted(sampler.indices_at(0)) in ([0], [3])


def test_rare_classes_repeated(files):
    cached = dict(type='CachedFaces', dataset=dict(files, split='train'))
    repeated = DATASETS.build(
        dict(type='ClassBalancedDataset', oversample_thr=0.5, dataset=cached)
    )
    # sqrt(0.5 / 0.25), rounded up, for anger and happiness.
    labels = [int(x['data_samples'].gt_label) for x in repeated]
    assert labels == [0, 1, 1, 2, 2, 0]


def test_images_of_the_validation_set_are_left_out(files, tmp_path):
    images = tmp_path / 'images'
    shutil.copy(images / 'f.png', images / 'b.png')
    cached = CachedFaces(
        dict(files, split='train'), without=dict(files, split='val')
    )
    paths = [sample.img_path[-5:] for sample in cached.samples]
    assert paths == ['a.png', 'c.png', 'd.png']
    assert cached.get_gt_labels().tolist() == [0, 2, 0]
    plain = DATASETS.build(dict(files, split='train'))
    for index, source in enumerate((0, 2, 3)):
        assert torch.equal(cached[index]['inputs'], plain[source]['inputs'])


def test_without_faces_of_another_size(files):
    other = dict(files, split='val')
    other['pipeline'] = [
        *files['pipeline'][:-1],
        dict(type='Resize', scale=(7, 7)),
        files['pipeline'][-1],
    ]
    with pytest.raises(ValueError, match='the same pipeline'):
        CachedFaces(dict(files, split='train'), without=other)


def test_nothing_is_left(files):
    with pytest.raises(ValueError, match='every face is also in `without`'):
        CachedFaces(dict(files, split='val'), without=dict(files, split='val'))


def test_two_collections(files):
    parts = [dict(files, split=split) for split in ('train', 'val')]
    both = CachedFaces(dict(type='ConcatDataset', datasets=parts))
    assert both.get_gt_labels().tolist() == [0, 1, 2, 0, 1, 2]


def test_faces_of_different_sizes(files, write_faces, tmp_path):
    (tmp_path / 'small').mkdir()
    small = write_faces(ROWS, size=16, root=tmp_path / 'small')
    parts = [files, dict(type='FaceDataset', **small, pipeline=LOAD)]
    with pytest.raises(ValueError, match='2 sizes.*Add a Resize'):
        CachedFaces(dict(type='ConcatDataset', datasets=parts))
