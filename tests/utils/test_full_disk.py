"""Writing to a full disk: the error names the file, and none is left."""

import csv
import errno
import multiprocessing
import os

import cv2
import numpy as np
import pytest

from fer_ssl.data_preparation.face_cropper import (
    CropSettings,
    FaceCropper,
    list_sources,
)
from fer_ssl.data_preparation.make_folds import write_folds
from fer_ssl.data_preparation.muxspace_faces import prepare_muxspace_faces
from fer_ssl.data_preparation.shard_writer import write_shards
from fer_ssl.data_preparation.split_builder import SplitRecipe, build_split
from fer_ssl.data_preparation.still_sequences import make_still_sequences
from fer_ssl.data_preparation.synthetic import (
    SyntheticSettings,
    make_synthetic,
)
from fer_ssl.data_preparation.synthetic.voice import write_sound
from fer_ssl.datasets.containers.record_io import RecordIOWriter
from fer_ssl.datasets.videos.feature_store import (
    FeatureStore,
    FeatureStoreWriter,
)
from fer_ssl.media.video_writer import VideoWriter
from fer_ssl.media.write_image import write_image
from tests.helpers.tiny_detector import write_red_face_detector

NOISE = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)


def names(folder):
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file() and path.name != 'filling'
    )


def check(caught, path):
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.strerror == os.strerror(errno.ENOSPC)
    assert caught.value.filename == str(path)


def write_record(path):
    with RecordIOWriter(path) as writer:
        writer.write(1, 0, bytes(40_000))


@pytest.mark.parametrize(
    'name, write',
    [
        ('a.png', lambda path: write_image(path, NOISE)),
        ('a.wav', lambda path: write_sound(path, np.zeros(40_000))),
        ('a.csv', lambda path: write_folds(dict.fromkeys('abc' * 9, 0), path)),
        ('a.rec', write_record),
    ],
)
def test_files(small_disk, name, write):
    folder, fill = small_disk
    (folder / name).write_text('earlier')
    fill(0)
    with pytest.raises(OSError) as caught:
        write(str(folder / name))
    check(caught, folder / name)
    assert names(folder) == [name]
    assert (folder / name).read_text() == 'earlier'


def test_record_io_is_a_pair_or_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        with RecordIOWriter(str(tmp_path / 'a.rec')) as writer:
            writer.write(1, 0, b'image')
            raise RuntimeError
    assert names(tmp_path) == []


def write_video(path):
    with VideoWriter(str(path)) as writer:
        for i in range(15):
            writer.write(np.roll(NOISE, 7 * i, (0, 1)), i / 25)


def test_video(small_disk, tmp_path):
    """The space may run out at a frame, the index or the header."""
    av = pytest.importorskip('av')
    folder, fill = small_disk
    path = folder / 'overlay.mp4'
    write_video(tmp_path / 'whole.mp4')
    size = (tmp_path / 'whole.mp4').stat().st_size
    assert size > 32 << 10
    for leave in range(0, size, 4096):
        fill(leave)
        with pytest.raises(OSError) as caught:
            write_video(path)
        check(caught, path)
        assert names(folder) == []
        (folder / 'filling').unlink()
    write_video(path)
    # Under load, libx264 encodes the same frames a few bytes differently.
    assert path.stat().st_size == pytest.approx(size, rel=0.01)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15


def test_video_that_an_error_ends(tmp_path):
    pytest.importorskip('av')
    with pytest.raises(RuntimeError):
        with VideoWriter(str(tmp_path / 'a.mp4')) as writer:
            writer.write(NOISE, 0)
            raise RuntimeError
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    'leave, num_frames, name',
    [
        (64 << 10, 50_000, 'features.partial.npy'),
        (104 << 10, 25_000, 'valid.partial.npy'),
    ],
)
def test_feature_store(small_disk, leave, num_frames, name):
    folder, fill = small_disk
    writer = FeatureStoreWriter(str(folder))
    writer.create(2, 2)
    writer.write(np.arange(2), np.ones((2, 2)))
    writer.finish(dict(recipe={}, videos={}))
    fill(leave)
    with pytest.raises(OSError) as caught:
        FeatureStoreWriter(str(folder)).create(num_frames, 2)
    check(caught, folder / name)
    # The previous store is unchanged.
    assert FeatureStore(str(folder)).features.tolist() == [[1, 1], [1, 1]]


def test_feature_store_replaces_a_killed_one(small_disk):
    folder, _ = small_disk
    for _ in range(2):
        FeatureStoreWriter(str(folder)).create(80_000, 1)
    assert names(folder) == ['features.partial.npy', 'valid.partial.npy']


@pytest.mark.parametrize('number', [errno.EOPNOTSUPP, errno.EINVAL, None])
def test_feature_store_on_disks_that_reserve_nothing(
    tmp_path, monkeypatch, number
):
    def fallocate(*_):
        raise OSError(number, 'no') if number else AttributeError

    monkeypatch.setattr(os, 'posix_fallocate', fallocate)
    writer = FeatureStoreWriter(str(tmp_path))
    writer.create(2, 1)
    writer.finish(dict(recipe={}, videos={}))
    assert FeatureStore(str(tmp_path)).features.shape == (2, 1)


class Images:
    """Dataset of image files."""

    metainfo = dict(classes=('a',))

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, i):
        return dict(img_path=str(self.paths[i]), gt_label=0)


def test_shards(small_disk, tmp_path):
    folder, fill = small_disk
    paths = [tmp_path / f'{i}.jpg' for i in range(3)]
    for path in paths:
        path.write_bytes(bytes(60_000))
    fill(170_000)
    with pytest.raises(OSError) as caught:
        write_shards(Images(paths), [str(folder)], shard_size=1)
    check(caught, folder / 'shard-000002.tar')
    (folder / 'filling').unlink()
    left = 'shard-000000.npy shard-000000.tar shard-000001.npy '
    left += 'shard-000001.tar shards.partial.json'
    assert names(folder) == left.split()
    whole = write_shards(Images(paths), [str(folder)], shard_size=1)
    assert whole == write_shards(Images(paths), [str(tmp_path / 'o')], 1)


@pytest.fixture
def photos(tmp_path):
    for i in range(4):
        image = np.full((240, 320, 3), 90, np.uint8)
        image[64:96, 96:128] = 0, 0, 255
        (tmp_path / 'photos').mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f'photos/{i}.png'), image)
    model = write_red_face_detector(tmp_path / 'red.onnx')
    return list_sources(str(tmp_path / 'photos')), CropSettings(model)


@pytest.mark.parametrize('processes', [1, 2])
def test_cropper(small_disk, photos, processes):
    """An error in a worker process names the file, too."""
    folder, fill = small_disk
    cropper = FaceCropper(photos[0], str(folder), photos[1], processes)
    fill(4096)  # of the manifest
    with pytest.raises(OSError) as caught:
        cropper.run()
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename.startswith(str(folder / 'images'))
    assert not any(name.startswith('images') for name in names(folder))
    (folder / 'filling').unlink()
    assert cropper.run() == {'ok': 4}
    assert len(names(folder / 'images')) == 4


def test_manifest_of_the_cropper(small_disk, tmp_path):
    (tmp_path / 'photos').mkdir()
    for i in range(100):
        path = tmp_path / f'photos/{i:02}{"x" * 200}.jpg'
        path.write_bytes(b'no image')
    folder, fill = small_disk
    sources = list_sources(str(tmp_path / 'photos'))
    cropper = FaceCropper(sources, str(folder), CropSettings())
    fill(8192)
    with pytest.raises(OSError) as caught:
        cropper.run()
    check(caught, folder / 'faces.csv')
    (folder / 'filling').unlink()
    assert cropper.run() == {'unreadable': 100}
    with open(folder / 'faces.csv', newline='') as file:
        rows = [row['source'] for row in csv.DictReader(file)]
    assert rows == [source.listed for source in sources]


def test_synthetic_faces_of_several_processes(small_disk):
    folder, fill = small_disk
    fill(40 << 10)
    with pytest.raises(OSError) as caught:
        make_synthetic(folder / 'a', SyntheticSettings.tiny(), processes=2)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename.startswith(str(folder / 'a'))
    while multiprocessing.active_children():
        pass
    assert not (folder / 'a/finished').exists()
    assert not (folder / 'a/labels.csv').exists()


def write_clone(folder):
    (folder / 'data').mkdir(parents=True)
    (folder / 'images').mkdir()
    lines = ['user.id,image,emotion']
    for i in range(3):
        image = np.random.default_rng(i).integers(0, 256, (350, 350, 3))
        cv2.imwrite(str(folder / f'images/Al_{i}.jpg'), image)
        lines.append(f'1,Al_{i}.jpg,anger')
    (folder / 'data/legend.csv').write_text('\n'.join(lines))


def test_prepared_faces(small_disk, tmp_path):
    """A full disk does not make an image unreadable."""
    folder, fill = small_disk
    write_clone(tmp_path / 'clone')
    fill(30 << 10)
    with pytest.raises(OSError) as caught:
        prepare_muxspace_faces(tmp_path / 'clone', folder, 224)
    assert caught.value.filename.startswith(str(folder / 'images/Al_'))
    assert caught.value.errno == errno.ENOSPC
    left = [name for name in names(folder) if '.part' in name]
    assert not left and not (folder / 'labels.csv').exists()


def test_copied_frames(small_disk, tmp_path):
    folder, fill = small_disk
    (tmp_path / 'images').mkdir()
    rows = ['image,expression,identity,split']
    for split in ('train', 'val'):
        (tmp_path / f'images/{split}.jpg').write_bytes(bytes(20_000))
        rows.append(f'{split}.jpg,anger,{split},{split}')
    (tmp_path / 'labels.csv').write_text('\n'.join(rows))
    fill(30 << 10)
    with pytest.raises(OSError) as caught:
        make_still_sequences(tmp_path, folder, ['anger'], copy=True)
    check(caught, folder / 'frames/val.jpg')
    assert names(folder) == ['frames/train.jpg']


def test_split(small_disk, tmp_path):
    folder, fill = small_disk
    rows = ''.join(f'{i}.jpg,anger\n' for i in range(2000))
    (tmp_path / 'labels.csv').write_text(f'image,expression\n{rows}')
    faces = dict(
        type='FaceDataset', data_root=str(tmp_path), ann_file='labels.csv'
    )
    fill(16 << 10)
    with pytest.raises(OSError) as caught:
        build_split(SplitRecipe(labeled=dict(a=faces)), str(folder))
    check(caught, folder / 'labels.csv')
    assert names(folder) == []


def test_folders_that_cannot_be_made(tmp_path):
    """The error comes before the work."""
    write_clone(tmp_path / 'clone')
    (tmp_path / 'labels.csv').write_text(
        'image,expression,identity,split\n'
        '1.jpg,anger,a,train\n2.jpg,anger,b,val\n'
    )
    faces = dict(
        type='FaceDataset', data_root=str(tmp_path), ann_file='labels.csv'
    )
    out = tmp_path / 'labels.csv/out'
    for write in (
        lambda: prepare_muxspace_faces(tmp_path / 'clone', out),
        lambda: make_still_sequences(tmp_path, out, ['anger']),
        lambda: build_split(SplitRecipe(labeled=dict(a=faces)), str(out)),
        lambda: write_shards(Images(['a']), [str(out)]),
        lambda: FaceCropper([], str(out), CropSettings()),
        lambda: make_synthetic(out, SyntheticSettings.tiny()),
    ):
        with pytest.raises(
            ValueError, match='out.* cannot be used as the folder'
        ):
            write()
    with pytest.raises(NotADirectoryError) as caught:
        FeatureStoreWriter(str(out)).create(1, 1)
    assert caught.value.filename.startswith(str(out))
