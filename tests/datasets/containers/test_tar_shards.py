import io
import json
import os
import tarfile
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from mmengine import fileio
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.registry import init_default_scope

from fer_ssl.data_preparation.shard_writer import write_shards
from fer_ssl.datasets import (
    ClassBalancedSampler,
    FaceDataset,
    RecordIODataset,
    TarShardDataset,
)
from fer_ssl.datasets.containers.tar_shards import ShardsManifest
from tests.helpers.record_io_files import write_ms1m

CLASSES = ('neutral', 'anger', 'happiness')
ROWS = [
    (f'{i}.{"png" if i % 3 else "jpg"}', CLASSES[i % 3], 'train')
    for i in range(20)
]
PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]


class Items(BaseDataset):
    """Data set of the given items."""

    METAINFO = dict(classes=CLASSES)

    def __init__(self, items):
        self.items = items
        super().__init__()

    def load_data_list(self):
        return self.items


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def faces(write_faces):
    return FaceDataset(**write_faces(ROWS), pipeline=PIPELINE)


def contents(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(fileio.get(x['img_path']), x['gt_label']) for x in infos]


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize('shard_size', [1, 9000, 10**9])
def test_every_image_comes_back(faces, tmp_path, shard_size):
    out = tmp_path / 'shards'
    manifest = write_shards(faces, [out], shard_size)
    assert manifest == ShardsManifest.read(str(out / 'shards.json'))
    assert manifest.num_images == 20
    expected = {1: 20, 9000: 8, 10**9: 1}[shard_size]
    assert len(manifest.shards) == pytest.approx(expected, abs=2)
    dataset = TarShardDataset(
        data_root=str(out), metainfo=dict(classes=CLASSES), pipeline=PIPELINE
    )
    assert contents(dataset) == contents(faces)
    assert dataset.get_gt_labels().tolist() == faces.get_gt_labels().tolist()
    assert dataset.get_cat_ids(1) == [1]
    assert (dataset[4]['inputs'] == faces[4]['inputs']).all()
    assert dataset[4]['data_samples'].gt_label.item() == 1
    sampler = ClassBalancedSampler(dataset, seed=0)
    assert sampler.index_at(0) % 3 == 0
    assert sorted(x.name for x in out.iterdir()) == sorted(
        ['shards.json']
        + [
            f'shard-{i:06d}.{extension}'
            for i in range(len(manifest.shards))
            for extension in ('tar', 'npy')
        ]
    )


def test_shards_are_plain_tar_files(faces, tmp_path):
    (shard,) = write_shards(faces, [tmp_path / 'shards']).shards
    assert shard.path == 'shard-000000.tar'
    path = tmp_path / 'shards' / shard.path
    assert path.stat().st_size == shard.size
    with tarfile.open(path) as tar:
        names = tar.getnames()
        assert names[:4] == [
            '000000000.jpg',
            '000000000.cls',
            '000000001.png',
            '000000001.cls',
        ]
        assert tar.extractfile('000000001.cls').read() == b'1'
        assert tar.getmember(names[0]).isreg()


def test_webdataset_reads_the_shards(faces, tmp_path):
    webdataset = pytest.importorskip('webdataset')
    write_shards(faces, [tmp_path / 'shards'], 9000)
    count = len(list((tmp_path / 'shards').glob('*.tar')))
    assert count > 1
    urls = f'{tmp_path}/shards/shard-{{000000..{count - 1:06d}}}.tar'
    samples = webdataset.WebDataset(urls, shardshuffle=False).decode('rgb8')
    pairs = list(samples.to_tuple('png;jpg', 'cls', '__key__'))
    assert [key for _, _, key in pairs] == [f'{i:09d}' for i in range(20)]
    for (pixels, label, _), (image, gt_label) in zip(pairs, contents(faces)):
        bgr = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
        assert (pixels == bgr[..., ::-1]).all()
        assert label == gt_label


def test_webdataset_reads_boxes(tmp_path):
    webdataset = pytest.importorskip('webdataset')
    write_shards(boxed_faces(tmp_path), [tmp_path / 'shards'])
    url = f'{tmp_path}/shards/shard-000000.tar'
    samples = list(webdataset.WebDataset(url, shardshuffle=False).decode())
    assert [sample['json'] for sample in samples] == [
        dict(box=[1, 2, 30, 31]),
        dict(box=[-1, 0, 8, 9]),
    ]
    assert [sample.get('cls') for sample in samples] == [2, None]


BOXES = (1, 2, 30, 31), np.array([-1, 0, 8, 9])


def boxed_faces(folder, boxes=BOXES):
    items = []
    for number, box in enumerate(boxes):
        path = folder / f'{number}.png'
        cv2.imwrite(str(path), np.full((40, 40, 3), number * 9, np.uint8))
        item = dict(img_path=str(path), gt_label=2 if number == 0 else -1)
        items.append(item if box is None else dict(item, box=box))
    return Items(items)


def test_boxes(tmp_path):
    manifest = write_shards(boxed_faces(tmp_path), [tmp_path / 'shards'])
    assert manifest.has_boxes
    dataset = TarShardDataset(
        data_root=str(tmp_path / 'shards'), metainfo=dict(classes=CLASSES)
    )
    assert dataset.get_data_info(0)['box'] == (1, 2, 30, 31)
    assert dataset.get_gt_labels().tolist() == [2]
    unlabeled = TarShardDataset(
        data_root=str(tmp_path / 'shards'),
        metainfo=dict(classes=CLASSES),
        subset='unlabeled',
    )
    assert unlabeled.get_data_info(0)['box'] == (-1, 0, 8, 9)
    assert unlabeled.get_gt_labels().tolist() == [-1]
    table = unlabeled.read_faces()
    assert table.boxes.tolist() == [[1, 2, 30, 31], [-1, 0, 8, 9]]
    assert table.labels.tolist() == [2, -1]


def test_labeled_and_unlabeled_part(faces, tmp_path):
    write_shards(faces, [tmp_path / 'shards'], 9000)
    kwargs = dict(
        data_root=str(tmp_path / 'shards'),
        metainfo=dict(classes=CLASSES),
        labeled_per_class=2,
    )
    labeled = TarShardDataset(**kwargs, subset='labeled')
    assert np.bincount(labeled.get_gt_labels()).tolist() == [2, 2, 2]
    unlabeled = TarShardDataset(**kwargs, subset='unlabeled')
    assert np.bincount(unlabeled.get_gt_labels()).tolist() == [5, 5, 4]
    both = contents(labeled) + contents(unlabeled)
    assert sorted(both) == sorted(contents(faces))
    kwargs.pop('labeled_per_class')
    with pytest.raises(ValueError, match="no face with subset='unlabeled'"):
        TarShardDataset(**kwargs, subset='unlabeled')
    with pytest.raises(ValueError, match="split='val' is none of"):
        TarShardDataset(**kwargs, split='val')


def test_truth_of_unlabeled_faces(write_faces, tmp_path):
    """The truth is kept for the log and never becomes a label."""
    kwargs = dict(subset='unlabeled', labeled_per_class=2)
    faces = FaceDataset(**write_faces(ROWS), **kwargs)
    (shard,) = write_shards(faces, [tmp_path / 'shards']).shards
    with tarfile.open(tmp_path / 'shards' / shard.path) as tar:
        assert not [name for name in tar.getnames() if name.endswith('cls')]
    kwargs = dict(
        data_root=str(tmp_path / 'shards'), metainfo=dict(classes=CLASSES)
    )
    unlabeled = TarShardDataset(**kwargs, subset='unlabeled')
    assert contents(unlabeled) == contents(faces)
    with pytest.raises(ValueError, match="no face with subset='all'"):
        TarShardDataset(**kwargs)


def test_several_sets_as_one(write_faces, tmp_path):
    """The truth of unlabeled faces does not become a label here either."""
    files = write_faces(ROWS)
    unlabeled = FaceDataset(**files, subset='unlabeled', labeled_per_class=2)
    twice = ConcatDataset([unlabeled, unlabeled])
    write_shards(twice, [tmp_path / 'shards'])
    kwargs = dict(
        data_root=str(tmp_path / 'shards'), metainfo=dict(classes=CLASSES)
    )
    shards = TarShardDataset(**kwargs, subset='unlabeled')
    assert contents(shards) == 2 * contents(unlabeled)
    with pytest.raises(ValueError, match="no face with subset='labeled'"):
        TarShardDataset(**kwargs, subset='labeled')
    both = ConcatDataset([unlabeled, FaceDataset(**files)])
    with pytest.raises(ValueError, match='separate shards'):
        write_shards(both, [tmp_path / 'other'])


def test_boxes_in_one_part_only(tmp_path):
    mixed = boxed_faces(tmp_path, [(1, 2, 30, 31), None])
    with pytest.raises(
        ValueError, match=r'1\.png: only some faces have a box'
    ):
        write_shards(mixed, [tmp_path / 'shards'])


def test_several_folders(faces, tmp_path):
    folders = [tmp_path / 'disk0', tmp_path / 'disk1', tmp_path / 'disk2']
    manifest = write_shards(faces, folders, 9000)
    assert manifest.shards[0].path == 'shard-000000.tar'
    assert manifest.shards[1].path == str(folders[1] / 'shard-000001.tar')
    dataset = TarShardDataset(
        data_root=str(folders[0]), metainfo=dict(classes=CLASSES)
    )
    assert contents(dataset) == contents(faces)


def test_shards_of_a_record_io(tmp_path):
    images = write_ms1m(tmp_path, people=(4, 5))
    source = RecordIODataset(data_root=str(tmp_path))
    manifest = write_shards(source, [tmp_path / 'shards'])
    assert manifest.num_images == 9
    dataset = TarShardDataset(
        data_root=str(tmp_path / 'shards'), subset='unlabeled'
    )
    assert contents(dataset) == [(image, -1) for image in images.values()]
    with tarfile.open(tmp_path / 'shards/shard-000000.tar') as tar:
        assert tar.getnames()[:2] == ['000000000.jpg', '000000001.jpg']


@pytest.mark.parametrize('stop_at', [1, 7, 13, 19])
def test_interrupted_writing_goes_on(faces, tmp_path, stop_at):
    write_shards(faces, [tmp_path / 'whole'], 9000)
    get = fileio.get
    calls = []

    def interrupt(path):
        calls.append(path)
        if len(calls) == stop_at + 1:
            raise KeyboardInterrupt
        return get(path)

    target = 'fer_ssl.data_preparation.shard_writer.fileio.get'
    out = tmp_path / 'out'
    with pytest.raises(KeyboardInterrupt), patch(target, interrupt):
        write_shards(faces, [out], 9000)
    with pytest.raises(FileNotFoundError, match='not finished|make_shards'):
        TarShardDataset(data_root=str(out), metainfo=dict(classes=CLASSES))
    calls.clear()
    with patch(target, side_effect=get) as counted:
        write_shards(faces, [out], 9000)
    if stop_at > 5:
        assert counted.call_count < 20
    whole, resumed = files_in(tmp_path / 'whole'), files_in(out)
    assert whole == resumed
    # Killed between the manifest and the end: the result is the same.
    with pytest.raises(FileExistsError, match='finished shards'):
        write_shards(faces, [out], 9000)


def test_unfinished_shards_of_another_call(faces, tmp_path):
    get = fileio.get

    def interrupt(path):
        if path.endswith('/15.jpg'):
            raise KeyboardInterrupt
        return get(path)

    target = 'fer_ssl.data_preparation.shard_writer.fileio.get'
    with pytest.raises(KeyboardInterrupt), patch(target, interrupt):
        write_shards(faces, [tmp_path / 'out'], 9000)
    with pytest.raises(ValueError, match='unfinished shards of another'):
        write_shards(faces, [tmp_path / 'out'], 8000)
    items = [faces.get_data_info(i) for i in range(20)]
    items[7]['gt_label'] = 2
    other = Items(items)
    with pytest.raises(ValueError, match='unfinished shards of another'):
        write_shards(other, [tmp_path / 'out'], 9000)


def test_unreadable_images(faces, tmp_path):
    os.remove(tmp_path / 'images/3.jpg')
    (tmp_path / 'images/4.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r'3\.jpg: no such .*--skip'):
        write_shards(faces, [tmp_path / 'a'])
    manifest = write_shards(faces, [tmp_path / 'b'], on_unreadable='skip')
    assert manifest.num_images == 18
    assert [os.path.basename(x) for x in manifest.skipped] == [
        '3.jpg',
        '4.png',
    ]
    dataset = TarShardDataset(
        data_root=str(tmp_path / 'b'), metainfo=dict(classes=CLASSES)
    )
    assert dataset.get_gt_labels().tolist() == [
        i % 3 for i in range(20) if i not in (3, 4)
    ]


def test_no_readable_image(tmp_path):
    items = Items([dict(img_path='/no/file', gt_label=0)])
    manifest = write_shards(items, [tmp_path], on_unreadable='skip')
    assert manifest.num_images == 0
    with pytest.raises(ValueError, match='there are no shards'):
        TarShardDataset(data_root=str(tmp_path))


def test_classes_are_matched_by_name(faces, tmp_path):
    write_shards(faces, [tmp_path / 'out'])
    kwargs = dict(data_root=str(tmp_path / 'out'))
    dataset = TarShardDataset(
        metainfo=dict(classes=('happiness', 'neutral')),
        ignore_classes=('anger',),
        **kwargs,
    )
    expected = [{0: 1, 2: 0}[i % 3] for i in range(20) if i % 3 != 1]
    assert dataset.get_gt_labels().tolist() == expected
    assert (dataset.read_faces().labels == -1).sum() == 7
    with pytest.raises(ValueError, match='unknown class anger'):
        TarShardDataset(
            metainfo=dict(classes=('happiness', 'neutral')), **kwargs
        )


def damage(out, name):
    """Damage the shards in one way."""
    tar, index = out / 'shard-000000.tar', out / 'shard-000000.npy'
    manifest = out / 'shards.json'
    rows = np.load(index)
    if name == 'shard missing':
        os.remove(tar)
    elif name == 'index missing':
        os.remove(index)
    elif name == 'shard cut':
        tar.write_bytes(tar.read_bytes()[:-512])
    elif name == 'index cut':
        index.write_bytes(index.read_bytes()[:-1])
    elif name == 'index empty':
        index.write_bytes(b'')
    elif name == 'index of another':
        np.save(index, rows[:-1])
    elif name == 'other array':
        np.save(index, np.zeros(len(rows)))
    elif name == 'offset':
        rows['offset'][-1] += 10**6
        np.save(index, rows)
    elif name == 'label':
        rows['label'][3] = 3
        np.save(index, rows)
    elif name == 'no json':
        manifest.write_text('{"format"')
    elif name == 'other json':
        manifest.write_text('[1, 2]')
    elif name == 'other format':
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(dict(content, format='x 2')))
    elif name == 'other field':
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(dict(content, extra=2)))


@pytest.mark.parametrize(
    'name, message',
    [
        ('shard missing', r'shard-000000\.tar: no such file'),
        ('index missing', r'shard-000000\.npy: no such file'),
        ('shard cut', r'shard-000000\.tar: \d+ bytes, but the manifest'),
        ('index cut', r'shard-000000\.npy: not an array'),
        ('index empty', r'shard-000000\.npy: not an array'),
        ('index of another', r'shard-000000\.npy: not the index'),
        ('other array', r'shard-000000\.npy: not the index'),
        ('offset', r'shard-000000\.npy: not the index'),
        ('label', r'shards\.json: 3 classes, but .* label 3'),
        ('no json', r'shards\.json: not valid JSON'),
        ('other json', r'shards\.json: not a manifest'),
        ('other format', r'shards\.json: not a manifest'),
        ('other field', r'shards\.json: not a manifest'),
    ],
)
def test_damaged_shards(faces, tmp_path, name, message):
    write_shards(faces, [tmp_path / 'out'])
    damage(tmp_path / 'out', name)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        TarShardDataset(
            data_root=str(tmp_path / 'out'), metainfo=dict(classes=CLASSES)
        )


def test_damaged_image_is_skipped(faces, tmp_path):
    write_shards(faces, [tmp_path / 'out'])
    kwargs = dict(
        data_root=str(tmp_path / 'out'),
        metainfo=dict(classes=CLASSES),
        pipeline=PIPELINE,
    )
    row = np.load(tmp_path / 'out/shard-000000.npy')[4]
    path = tmp_path / 'out/shard-000000.tar'
    data = bytearray(path.read_bytes())
    data[row['offset'] : row['offset'] + row['size']] = bytes(row['size'])
    path.write_bytes(data)
    with pytest.raises(ValueError, match='not a readable image'):
        TarShardDataset(**kwargs)[4]
    dataset = TarShardDataset(**kwargs, on_unreadable='skip')
    assert dataset[4]['data_samples'].gt_label.item() == 1
    assert dataset.num_unreadable == 1


def test_addresses(tmp_path):
    path = tmp_path / 'a.tar'
    with tarfile.open(path, 'w') as tar:
        info = tarfile.TarInfo('x')
        info.size = 5
        tar.addfile(info, io.BytesIO(b'hello'))
    assert fileio.get(f'tar://{path}?offset=512&size=5') == b'hello'
    assert fileio.get_text(f'tar://{path}?size=5&offset=512') == 'hello'
    with pytest.raises(ValueError, match=r'a\.tar: byte 512: 99999 bytes'):
        fileio.get(f'tar://{path}?offset=512&size=99999')
    with pytest.raises(ValueError, match='expected SCHEME://FILE'):
        fileio.get(f'tar://{path}?offset=512')
    with pytest.raises(FileNotFoundError):
        fileio.get(f'tar://{path}x?offset=512&size=5')
