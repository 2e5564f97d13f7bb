import pytest
from mmengine.registry import DATASETS, init_default_scope

from fer_ssl.datasets.faces.raf_db_dataset import read_partition_list
from tests.datasets.faces.raf_db_files import write_raf_db
from tests.helpers.annotation_fuzz import check_parser


@pytest.fixture
def files(tmp_path):
    return write_raf_db(tmp_path)


def items(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [
        (info['img_path'].rpartition('/')[2], info['gt_label'])
        for info in infos
    ]


def test_splits(files):
    train = [
        ('train_00001_aligned.jpg', 5),
        ('train_00002_aligned.jpg', 0),
        ('train_00003_aligned.jpg', 6),
    ]
    test = [('test_0001_aligned.jpg', 4), ('test_0002_aligned.jpg', 3)]
    assert items(DATASETS.build(files)) == train
    assert items(DATASETS.build(dict(files, split='test'))) == test
    assert items(DATASETS.build(dict(files, split=None))) == train + test


def test_own_order_of_classes(files):
    classes = ('sadness', 'surprise', 'neutral')
    dataset = DATASETS.build(dict(files, metainfo=dict(classes=classes)))
    assert [label for _, label in items(dataset)] == [0, 2, 1]


def test_images_are_found(files):
    init_default_scope('mmpretrain')
    pipeline = [dict(type='LoadImageFromFile')]
    dataset = DATASETS.build(dict(files, split=None, pipeline=pipeline))
    assert [x['img'].shape for x in dataset] == [(30, 40, 3)] * 5


def test_names_of_the_list(files, tmp_path):
    names = ['train_00001_aligned.jpg', 'train_00002_aligned.jpg']
    path = tmp_path / 'EmoLabel/aligned.txt'
    path.write_text(f'{names[0]} 5\n{names[1]} 7.0\n')
    dataset = DATASETS.build(dict(files, ann_file='EmoLabel/aligned.txt'))
    assert items(dataset) == [(names[0], 5), (names[1], 0)]
    (tmp_path / 'Image/aligned').rename(tmp_path / 'Image/original')
    for image in (tmp_path / 'Image/original').iterdir():
        image.rename(image.with_name(image.name.replace('_aligned', '')))
    original = dict(img_path='Image/original')
    dataset = DATASETS.build(dict(files, data_prefix=original))
    assert items(dataset)[0] == ('train_00001.jpg', 5)


@pytest.mark.parametrize(
    'line, message',
    [
        ('train_2.jpg 0', 'unknown expression 0; 1 to 7 are surprise'),
        ('train_2.jpg 8', 'unknown expression 8.*list of the 11 compound'),
        ('train_2.jpg 12', 'unknown expression 12; 1 to 7 are'),
        ('train_2.jpg', '1 fields, expected an image and a number'),
        ('train_2.jpg 1 1', '3 fields'),
        ('train_2.jpg one', "'one' is not a whole number"),
        ('valid_2.jpg 1', 'neither train_ nor test_'),
        ('train_1.jpg 2', 'train_1.jpg is already in line 1'),
        ('train_1_aligned.jpg 2', 'aligned.jpg is already in line 1'),
    ],
)
def test_faulty_line(tmp_path, line, message):
    path = tmp_path / 'x.txt'
    path.write_text(f'train_1.jpg 1\n{line}\n')
    with pytest.raises(ValueError, match=f'x.txt:2: .*{message}'):
        read_partition_list(str(path))


def test_fuzz(files, tmp_path):
    good = tmp_path / 'EmoLabel/list_patition_label.txt'
    path = tmp_path / 'x.txt'
    check_parser(read_partition_list, path, good.read_bytes())


def test_missing_folder_and_wrong_split(files, tmp_path):
    with pytest.raises(ValueError, match="split='val' is none of"):
        DATASETS.build(dict(files, split='val'))
    (tmp_path / 'Image').rename(tmp_path / 'images')
    with pytest.raises(FileNotFoundError, match='Image/aligned'):
        DATASETS.build(files)
