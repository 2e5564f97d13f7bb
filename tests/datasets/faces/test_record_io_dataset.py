import re
from unittest.mock import patch

import numpy as np
import pytest
from mmengine import fileio
from mmengine.dataset import ConcatDataset
from mmengine.registry import DATASETS, init_default_scope
from torch.utils.data import DataLoader

from fer_ssl.datasets import FaceDataset, RecordIODataset, SeededDraws
from fer_ssl.datasets.containers.record_io import RecordIOFile
from fer_ssl.datasets.faces.record_io_dataset import choose_evenly
from tests.helpers.record_io_files import jpeg, pack, write_ms1m, write_records

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


def keys_of(dataset):
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    return [int(re.search(r'key=(\d+)', path)[1]) for path in paths]


def test_items_are_read_by_stock_transforms(tmp_path):
    images = write_ms1m(tmp_path, people=(2, 3))
    dataset = DATASETS.build(
        dict(
            type='RecordIODataset',
            data_root=str(tmp_path),
            pipeline=PIPELINE,
        )
    )
    assert keys_of(dataset) == [1, 2, 3, 4, 5]
    assert dataset.get_gt_labels().tolist() == [-1] * 5
    for key, image in images.items():
        info = dataset.get_data_info(key - 1)
        assert info['gt_label'] == -1
        assert fileio.get(info['img_path']) == image
        sample = dataset[key - 1]
        assert sample['inputs'].shape == (3, 112, 112)
        assert abs(int(sample['inputs'][0, 50, 50]) - key * 7) <= 1
        assert sample['data_samples'].gt_label.item() == -1
    table = dataset.read_faces()
    assert [fileio.get(x) for x in table.images] == list(images.values())
    assert table.labels.tolist() == [-1] * 5


def test_address_without_offset(tmp_path):
    images = write_ms1m(tmp_path)
    address = f'recordio://{tmp_path}/train.rec?key=4'
    assert fileio.get(address) == images[4]
    assert fileio.get(f'recordio://{tmp_path}/train.rec?key=11') == b''
    for wrong in ('?key=x', '?key=1&size=3', '?offset=1', '', '?key='):
        with pytest.raises(ValueError, match='expected SCHEME://FILE.key='):
            fileio.get(f'recordio://{tmp_path}/train.rec{wrong}')
    with pytest.raises(ValueError, match='no key 90'):
        fileio.get(f'recordio://{tmp_path}/train.rec?key=90')
    with pytest.raises(FileNotFoundError):
        fileio.get(f'recordio://{tmp_path}/none.rec?key=90')
    with pytest.raises(FileNotFoundError):
        fileio.get(f'recordio://{tmp_path}/none.rec?key=90&offset=0')


def test_relative_folder_and_strange_name(tmp_path, monkeypatch):
    images = write_ms1m(tmp_path / 'a b?c=d', people=(2,))
    monkeypatch.chdir(tmp_path)
    dataset = RecordIODataset(data_root='a b?c=d')
    monkeypatch.chdir('/')
    assert fileio.get(dataset.get_data_info(1)['img_path']) == images[2]


@pytest.mark.parametrize('fraction', [1 / 3, 0.5, 0.7, 1.0, 0.001])
@pytest.mark.parametrize('count', [1, 10, 1000, 3001])
def test_choice_is_even(count, fraction):
    chosen = choose_evenly(count, fraction, seed=0)
    assert len(chosen) == max(round(fraction * count), 1)
    assert (np.diff(chosen) > 0).all()
    assert 0 <= chosen[0] and chosen[-1] < count
    # Every person keeps this fraction of its images, to within two.
    person = np.arange(count) // 40
    per_person = np.bincount(person[chosen], minlength=person[-1] + 1)
    expected = np.bincount(person) * len(chosen) / count
    assert abs(per_person - expected).max() <= 2
    assert chosen.tolist() == choose_evenly(count, fraction, 0).tolist()


def test_choice_is_uniform_and_seeded():
    counts = sum(
        np.bincount(choose_evenly(100, 1 / 3, seed), minlength=100)
        for seed in range(3000)
    )
    assert abs(counts / 3000 - 0.33).max() < 0.05


def test_fraction_of_the_images(tmp_path):
    write_ms1m(tmp_path, people=(20, 10))
    kwargs = dict(data_root=str(tmp_path), fraction=1 / 3)
    keys = keys_of(RecordIODataset(**kwargs))
    assert len(keys) == 10
    assert 1 <= min(keys) and max(keys) <= 30
    assert keys == keys_of(RecordIODataset(**kwargs))
    assert keys != keys_of(RecordIODataset(**kwargs, seed=1))
    for fraction in (0, -1, 1.1):
        with pytest.raises(ValueError, match='fraction'):
            RecordIODataset(data_root=str(tmp_path), fraction=fraction)
    with pytest.raises(ValueError, match="split='val' is none of"):
        RecordIODataset(data_root=str(tmp_path), split='val')


def test_file_whose_first_image_has_key_5(tmp_path):
    records = [(key, pack(0.0, key, b'%d' % key)) for key in (9, 5, 7)]
    write_records(tmp_path, records)
    dataset = RecordIODataset(data_root=str(tmp_path))
    paths = [dataset.get_data_info(i)['img_path'] for i in range(3)]
    assert [fileio.get(path) for path in paths] == [b'5', b'7', b'9']


@pytest.fixture
def damaged(tmp_path):
    """Image 2 is not an image, record 3 lost its frame, image 4 is cut."""
    whole = jpeg(9)
    write_ms1m(tmp_path, people=(6,), images={2: b'no image', 4: b''})
    path = tmp_path / 'train.rec'
    data = bytearray(path.read_bytes())
    at = RecordIOFile(str(path)).offset_of(3)
    data[at : at + 4] = b'oops'
    path.write_bytes(data)
    assert whole
    return str(tmp_path)


def test_damaged_image_is_an_error(damaged):
    dataset = RecordIODataset(data_root=damaged, pipeline=PIPELINE)
    for index, problem in ((1, ''), (2, '6f6f7073'), (3, '')):
        message = rf'key={index + 1}&.*: not a readable image .*{problem}'
        with pytest.raises(ValueError, match=message):
            dataset[index]
    with pytest.raises(ValueError, match='on_unreadable'):
        RecordIODataset(data_root=damaged, on_unreadable='ignore')
    with pytest.raises(ValueError, match="subset='labeled' is none of"):
        RecordIODataset(data_root=damaged, subset='labeled')


@pytest.mark.parametrize('num_workers', [0, 2])
def test_damaged_image_is_skipped_and_counted(damaged, num_workers):
    dataset = RecordIODataset(
        data_root=damaged, pipeline=PIPELINE, on_unreadable='skip'
    )
    loader = DataLoader(
        dataset, batch_size=None, num_workers=num_workers, collate_fn=None
    )
    paths = [sample['data_samples'].img_path for sample in loader]
    keys = [int(re.search(r'key=(\d+)', path)[1]) for path in paths]
    assert keys == [1, 5, 5, 5, 5, 6]
    assert dataset.num_unreadable == 3 + 2 + 1


def test_other_errors_of_the_pipeline_are_not_swallowed(tmp_path):
    def broken(results):
        raise AssertionError('not about the image')

    write_ms1m(tmp_path)
    dataset = RecordIODataset(
        data_root=str(tmp_path), pipeline=[broken], on_unreadable='skip'
    )
    with pytest.raises(AssertionError, match='not about the image'):
        dataset[0]


def test_together_with_files(tmp_path, write_faces):
    write_ms1m(tmp_path / 'ms1m', people=(5,))
    faces = write_faces([('a.png', '', 'train'), ('b.png', '', 'train')])
    both = ConcatDataset(
        [
            FaceDataset(**faces, subset='unlabeled', pipeline=PIPELINE),
            RecordIODataset(
                data_root=str(tmp_path / 'ms1m'),
                metainfo=faces['metainfo'],
                pipeline=PIPELINE,
            ),
        ]
    )
    assert len(both) == 7
    assert [tuple(both[i]['inputs'].shape[1:]) for i in (1, 2)] == [
        (32, 32),
        (112, 112),
    ]


def test_lazy_subset_and_seeded_draws(tmp_path):
    write_ms1m(tmp_path, people=(5,))
    dataset = RecordIODataset(
        data_root=str(tmp_path), lazy_init=True, indices=[3, 1]
    )
    dataset.full_init()
    assert keys_of(dataset) == [4, 2]
    assert keys_of(dataset.get_subset([1])) == [2]
    config = dict(type='RecordIODataset', data_root=str(tmp_path))
    draws = SeededDraws(dict(config, pipeline=PIPELINE))
    assert draws[2, 0, 9]['data_samples'].img_path.endswith(
        f'offset={RecordIOFile(str(tmp_path / "train.rec")).offset_of(3)}'
    )
    assert draws.num_unreadable == 0


def test_workers_need_no_index(tmp_path):
    """Addresses carry the offset, so no worker reads 100 MB of index."""
    write_ms1m(tmp_path)
    dataset = RecordIODataset(data_root=str(tmp_path), pipeline=PIPELINE)
    target = 'fer_ssl.datasets.containers.record_io.read_index'
    with patch(target, side_effect=AssertionError('index was read')):
        assert dataset[0]['inputs'].shape == (3, 112, 112)
