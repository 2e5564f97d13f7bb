"""What all data sets of faces have in common."""

import pickle
from unittest.mock import patch

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.registry import init_default_scope

from fer_ssl.datasets import BaseFaceDataset, FaceDataset, FaceTable
from fer_ssl.datasets.unreadable_images import is_readable, load_frame
from tests.helpers.image_files import pixels, save_image

CLASSES = ('neutral', 'anger')


class Faces(BaseFaceDataset):
    table = FaceTable(
        images=['a.png', 'a.png', '/elsewhere/b.png', 's3://c/d.png'],
        labels=[0, 1, -1, 1],
        truths=[0, 1, 0, -1],
        boxes=[(0, 0, 8, 6), (5, 5, 9, 9), (1, 1, 2, 2), (50, 50, 60, 60)],
    )

    def read_faces(self):
        return self.table


@pytest.fixture
def build(tmp_path):
    init_default_scope('mmpretrain')
    save_image(tmp_path / 'images/a.png', 7)

    def build(**kwargs):
        kwargs.setdefault('data_prefix', dict(img_path='images'))
        return Faces(
            data_root=str(tmp_path), metainfo=dict(classes=CLASSES), **kwargs
        )

    return build


def test_paths_and_boxes(build, tmp_path):
    dataset = build()
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    path = str(tmp_path / 'images/a.png')
    assert [(x['img_path'], x['gt_label'], x['box']) for x in items] == [
        (path, 0, (0, 0, 8, 6)),
        (path, 1, (5, 5, 9, 9)),
        ('s3://c/d.png', 1, (50, 50, 60, 60)),
    ]


def test_truths_show_among_the_unlabeled_only(build):
    dataset = build(subset='unlabeled', labeled_per_class=1, seed=0)
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [x['img_path'] for x in items][:1] == ['/elsewhere/b.png']
    assert dataset.get_gt_labels().tolist()[:1] == [0]
    labeled = build(subset='labeled', labeled_per_class=1, seed=0)
    assert sorted(labeled.get_gt_labels().tolist()) == [0, 1]
    assert len(labeled) + len(dataset) == 4


@pytest.fixture
def many():
    """50 faces of two classes, every fifth not annotated."""
    labels = [-1 if i % 5 == 4 else i % 2 for i in range(50)]
    table = FaceTable([f'{i}.png' for i in range(50)], labels)
    with patch.object(Faces, 'table', table):
        yield table


def images(dataset):
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    return {path.rsplit('/', 1)[1] for path in paths}


def test_held_out_faces_are_in_no_other_subset(build, many):
    options = dict(held_out=0.25, labeled_per_class=5)
    parts = {
        (subset, seed): images(build(subset=subset, seed=seed, **options))
        for subset in ('labeled', 'unlabeled', 'held_out')
        for seed in (0, 1)
    }
    held_out = parts['held_out', 0]
    assert len(held_out) == 10, 'a quarter of the 40 annotated faces'
    assert held_out == parts['held_out', 1], 'the same for every seed'
    assert parts['labeled', 0] != parts['labeled', 1]
    for seed in (0, 1):
        labeled, unlabeled = parts['labeled', seed], parts['unlabeled', seed]
        assert (len(labeled), len(unlabeled)) == (10, 30)
        assert held_out | labeled | unlabeled == set(many.images)
    annotated = images(build(held_out=0.25))
    assert len(annotated) == 30 and not annotated & held_out
    assert len(build()) == 40


def test_held_out_faces_keep_their_labels(build, many):
    dataset = build(subset='held_out', held_out=0.25)
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        row = many.images.index(info['img_path'].rsplit('/', 1)[1])
        assert info['gt_label'] == many.labels[row]


@pytest.mark.parametrize(
    'options', [dict(held_out=1), dict(held_out=-0.1), dict(subset='held_out')]
)
def test_invalid_held_out(build, options):
    with pytest.raises(ValueError, match='held_out=.* must be at least 0'):
        build(**options)


def test_small_class_is_reported_with_the_folder(build):
    with patch('fer_ssl.datasets.faces.base_face_dataset.print_log') as log:
        build(subset='labeled', labeled_per_class=2)
    message = log.call_args.args[0]
    assert message.startswith('Faces, ') and 'images: class neutral' in message


def test_no_face_left(build):
    with patch.object(Faces, 'table', FaceTable(['a.png'], [-1])):
        with pytest.raises(
            ValueError, match="images: no face with subset='all"
        ):
            build()


def test_faces_are_cut_out(build):
    dataset = build(
        pipeline=[dict(type='LoadImageFromFile'), dict(type='CropFace')]
    )
    expected = pixels(7)[:6, :8, ::-1]
    np.testing.assert_array_equal(dataset[0]['img'], expected)


def test_face_outside_of_its_image(build, tmp_path):
    boxes = [(50, 50, 60, 60), (0, 0, 9, 9)]
    table = FaceTable(['a.png', 'a.png'], [1, 1], boxes=boxes)
    pipeline = [dict(type='LoadImageFromFile'), dict(type='CropFace')]
    with patch.object(Faces, 'table', table):
        with pytest.raises(ValueError, match=r'a.png: nothing of the face'):
            build(pipeline=pipeline)[0]
        dataset = build(pipeline=pipeline, on_unreadable='skip')
        assert dataset[0]['img'].shape == (9, 9, 3)
        assert dataset.num_unreadable == 1


def test_is_readable(tmp_path):
    save_image(tmp_path / 'a.png', 0)
    (tmp_path / 'b.png').write_bytes(b'')
    (tmp_path / 'c.png').write_bytes(b'\x89PNG')
    names = ('a.png', 'b.png', 'c.png', 'd.png')
    readable = [is_readable(str(tmp_path / name)) for name in names]
    assert readable == [True, False, False, False]


def test_workers_get_the_same_items(build):
    dataset = build()
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.get_data_info(0) == dataset.get_data_info(0)


def test_csv_with_boxes(tmp_path):
    save_image(tmp_path / 'images/a.png', 7)
    (tmp_path / 'labels.csv').write_text(
        'image,left,top,right,bottom,expression,identity\n'
        'a.png,1,2,5,8,anger,x\n'
    )
    arguments = dict(ann_file='labels.csv', data_root=str(tmp_path))
    dataset = FaceDataset(**arguments)
    assert dataset.get_data_info(0)['box'] == (1, 2, 5, 8)
    assert dataset.read_faces().identities == ['x']


@pytest.mark.parametrize(
    'text, message',
    [
        ('image,expression,left\na,anger,1\n', ':1: column bottom, right'),
        ('image,expression,left,top,right,bottom\na,,1,2,x,4\n', ":2: 'x' is"),
        ('image,expression,left,top,right,bottom\na,,1,2,1,4\n', ':2: the bo'),
        ('image,expression\na,b,anger\n', ':2: 3 fields, but the header'),
        ('image,expression\na\n', ':2: 1 fields, but the header'),
        ('image,expression\n"a,anger\n', ':2: unexpected end of data'),
    ],
)
def test_faulty_csv(tmp_path, text, message):
    (tmp_path / 'x.csv').write_text(text)
    with pytest.raises(ValueError, match=f'x.csv{message}'):
        FaceDataset('x.csv', data_root=str(tmp_path))


def test_missing_and_damaged_images_are_told_apart(tmp_path, write_faces):
    rows = [('a.png', 'anger', ''), ('b.png', 'anger', '')]
    rows += [('sub\\c.png', 'anger', ''), ('sub\\d.png', 'anger', '')]
    pipeline = [dict(type='LoadImageFromFile')]
    dataset = FaceDataset(**write_faces(rows), pipeline=pipeline)
    images = tmp_path / 'images'
    (images / 'a.png').unlink()
    (images / 'b.png').write_bytes(b'no image')
    for name in 'cd':
        (images / f'sub\\{name}.png').unlink()
    save_image(images / 'sub/c.png', 1)
    messages = []
    for number in range(4):
        with pytest.raises(ValueError) as caught:
            dataset[number]
        messages.append(str(caught.value).replace(f'{images}', 'DIR'))
    assert messages[0].startswith('DIR/a.png: no such image file. Remove it')
    assert messages[1].startswith('DIR/b.png: not a readable image (')
    assert messages[2].startswith(
        'DIR/sub\\c.png: no such image file; DIR/sub/c.png exists, so replace '
        'the backslashes of Windows in the list by slashes. '
    )
    assert messages[3].startswith('DIR/sub\\d.png: no such image file. Rem')
    frame = dict(img_path=str(images / 'a.png'))
    with pytest.raises(ValueError, match='a.png: no such image file. Leave'):
        load_frame(LoadImageFromFile(), frame)
