"""Untrusted indices and manifests: one clear error, no other file."""

import json
import os
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given

from fer_ssl.data_preparation.check.data_check import DataCheck
from fer_ssl.data_preparation.face_cropper import CropSettings, FaceCropper
from fer_ssl.data_preparation.shard_writer import write_shards
from fer_ssl.datasets import FaceDataset, FeatureStore, TarShardDataset
from fer_ssl.datasets.containers.tar_shards import ROW
from fer_ssl.datasets.videos.feature_store import FeatureStoreWriter
from tests.helpers.annotation_fuzz import REPEATABLE, damaged

CLASSES = ('neutral', 'anger', 'happiness')
DEEP = '[' * 100_000


@pytest.fixture
def shards(write_faces, tmp_path):
    rows = [(f'{i}.png', CLASSES[i % 3], 'train') for i in range(6)]
    faces = FaceDataset(**write_faces(rows, root=tmp_path / 'faces'))
    write_shards(faces, [tmp_path / 'out'])
    return tmp_path / 'out'


@pytest.fixture
def store(tmp_path):
    writer = FeatureStoreWriter(str(tmp_path / 'store'))
    writer.create(6, 3)
    writer.write(np.arange(6), np.ones((6, 3), np.float32))
    videos = dict(
        a=dict(offset=0, num_frames=4), b=dict(offset=4, num_frames=2)
    )
    writer.finish(dict(recipe=dict(tool='tools/x.py'), videos=videos))
    return tmp_path / 'store'


def read_shards(folder):
    metainfo = dict(classes=CLASSES)
    dataset = TarShardDataset(data_root=str(folder), metainfo=metainfo)
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def change(file, place, value):
    """Put a value into a JSON file; ``place`` is a path of keys."""
    content = target = json.loads(file.read_text())
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    file.write_text(json.dumps(content))


SHARD = ('shards', 0)
VALUES = (None, 3, -1, 0.5, float('nan'), 10**30, True, [], {}, [[]], 'x', '')


@pytest.mark.parametrize(
    'name',
    ['../secret.tar', '/etc/secret.tar', 'a/../../secret.tar', '..', '\0.tar']
    + ['/etc/passwd', 'http://x/shard-000000.tar', '..\\secret.tar', '', '/']
    + ['shard-000000.npy', 3, None, ['shard-000000.tar']],
)
def test_shards_outside_of_the_folder(shards, name):
    change(shards / 'shards.json', (*SHARD, 'path'), name)
    with patch('fer_ssl.datasets.containers.tar_shards.read_npy') as read:
        message = r'shards\.json: .*shards\[0\]: path'
        with pytest.raises(ValueError, match=message):
            read_shards(shards)
    assert not read.called


def test_repeated_shard(shards):
    content = json.loads((shards / 'shards.json').read_text())
    twin = dict(content['shards'][0])
    twin['path'] = f'./{twin["path"]}'
    change(shards / 'shards.json', ('shards',), [*content['shards'], twin])
    with pytest.raises(ValueError, match=r'shards\[1\]: .* given twice'):
        read_shards(shards)


@pytest.mark.parametrize(
    'place',
    [('classes',), ('has_boxes',), ('num_images',), ('skipped',), ('shards',)]
    + [('classes', 0), ('format',), SHARD, (*SHARD, 'num_images')]
    + [(*SHARD, 'size'), (*SHARD, 'sha256'), (*SHARD, 'path')],
)
@pytest.mark.parametrize('value', VALUES, ids=str)
def test_values_of_the_manifest(shards, place, value):
    before = read_shards(shards)
    change(shards / 'shards.json', place, value)
    try:
        assert len(read_shards(shards)) == len(before)
    except (FileNotFoundError, ValueError) as error:
        assert str(shards) in str(error)
        return
    assert (place[-1], value) in [
        ('skipped', []),
        ('has_boxes', True),
        ('sha256', 'x'),
        ('sha256', ''),
    ]


def check_damage(read, folder, file):
    """Check that damage is either harmless or an error with the folder."""

    @REPEATABLE
    @given(damaged((folder / file).read_bytes()))
    def check(content):
        (folder / file).write_bytes(content)
        try:
            read(folder)
        except (FileNotFoundError, ValueError) as error:
            assert str(folder) in str(error)

    check()


@pytest.mark.parametrize('file', ['shards.json', 'shard-000000.npy'])
def test_any_damage_of_shards(shards, file):
    check_damage(read_shards, shards, file)


@pytest.mark.parametrize(
    'column, value',
    [('offset', -1), ('offset', 2**63 - 1), ('size', -1), ('size', 2**62)]
    + [('label', -2), ('label', 99), ('truth', -(2**63)), ('truth', 2**40)],
)
def test_values_of_the_index(shards, column, value):
    rows = np.load(shards / 'shard-000000.npy')
    rows[column][2] = value
    np.save(shards / 'shard-000000.npy', rows)
    with pytest.raises(ValueError, match='not the index of|has label'):
        read_shards(shards)


def test_index_that_asks_for_memory(shards):
    index = shards / 'shard-000000.npy'
    np.save(index, np.zeros(1, ROW))
    content = index.read_bytes().replace(b'(1,), }       ', b'(10000000,), }')
    index.write_bytes(content)
    with pytest.raises(
        ValueError, match=r'written by numpy.save .* header requires'
    ):
        read_shards(shards)
    np.save(index, np.array([dict(a=1)] * 6), allow_pickle=True)
    with pytest.raises(ValueError, match=r'npy: not an array .*objects'):
        read_shards(shards)


@pytest.mark.parametrize('text', [DEEP, '{"a":' * 50_000, '"', '9' * 9999])
def test_invalid_json(shards, store, tmp_path, text):
    for file in (shards / 'shards.json', store / 'index.json'):
        file.write_text(text)
    with pytest.raises(ValueError, match=r'shards\.json: not valid JSON'):
        read_shards(shards)
    with pytest.raises(ValueError, match=r'index\.json: not valid JSON'):
        FeatureStore(str(store))
    (tmp_path / 'state.json').write_text(text)
    with pytest.raises(ValueError, match=r'state\.json: not a state'):
        DataCheck(str(tmp_path), state=str(tmp_path / 'state.json'))
    (tmp_path / 'settings.json').write_text(text)
    with pytest.raises(ValueError, match=r'settings\.json: not valid JSON'):
        FaceCropper([], str(tmp_path), CropSettings())


def test_progress_of_shards(shards, write_faces, tmp_path):
    (shards / 'shards.json').unlink()
    faces = FaceDataset(str(tmp_path / 'faces/labels.csv'))
    for content in ([], {}, dict(recipe={}, next_item=-1)):
        (shards / 'shards.partial.json').write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r'shards\.partial\.json: '):
            write_shards(faces, [shards])


def rows_of(store):
    features = FeatureStore(str(store))
    names, offsets = list(features._videos), np.array([0, 4, 6])
    rows = features.rows_of(names, offsets, np.array([b''] * 6))
    return [features.read(row, 2).shape for row in rows]


@pytest.mark.parametrize(
    'place',
    [('dim',), ('recipe',), ('videos',), ('videos', 'a')]
    + [('videos', 'a', 'offset'), ('videos', 'b', 'num_frames')],
)
@pytest.mark.parametrize('value', VALUES, ids=str)
def test_values_of_a_store(store, place, value):
    assert rows_of(store) == [(2, 3), (2, 3)]
    change(store / 'index.json', place, value)
    if (place, value) not in [(('recipe',), {}), (('dim',), 3)]:
        with pytest.raises(ValueError, match='store|another|video'):
            assert rows_of(store) == [] and place == ('videos',), 'refused'
            raise ValueError('an empty store')


@pytest.mark.parametrize('file', ['index.json', 'features.npy', 'valid.npy'])
def test_any_damage_of_a_store(store, file):
    check_damage(rows_of, store, file)


def test_a_store_whose_files_do_not_fit(store):
    np.save(store / 'valid.npy', np.ones(5, bool))
    with pytest.raises(ValueError, match=r'valid\.npy has other frames'):
        FeatureStore(str(store))
    np.save(store / 'valid.npy', np.ones(6))
    with pytest.raises(ValueError, match=r'valid\.npy: .* float64, not bool'):
        FeatureStore(str(store))
    os.remove(store / 'valid.npy')
    change(store / 'index.json', ('videos', 'b', 'num_frames'), 3)
    with pytest.raises(ValueError, match="video 'b' ends after the 6 frames"):
        FeatureStore(str(store))
    np.save(store / 'features.npy', np.ones((6, 4), np.float16))
    with pytest.raises(ValueError, match='dim is 3, but features.npy has 4'):
        FeatureStore(str(store))


STATE = dict(
    images_sha256='x', checked=1, num_problems=dict(a=1), problems=dict(b='a')
)


@pytest.mark.parametrize('key', list(STATE))
@pytest.mark.parametrize('value', [None, -1, [], [[]], 10**30, dict(a=[])])
def test_state_of_the_check(tmp_path, key, value):
    state = tmp_path / 'state.json'
    state.write_text(json.dumps(dict(a=STATE)))
    assert DataCheck(str(tmp_path), state=str(state)).state == dict(a=STATE)
    state.write_text(json.dumps(dict(a={**STATE, key: value})))
    with pytest.raises(ValueError, match=rf'not a state.*{key}'):
        DataCheck(str(tmp_path), state=str(state))


@pytest.mark.parametrize('header', ['', 'image,source\n', 'x' * 200_000])
def test_manifest_of_crops(tmp_path, header):
    cropper = FaceCropper([], str(tmp_path), CropSettings())
    (tmp_path / 'faces.csv').write_text(f'{header}\n,a.jpg\n')
    with pytest.raises(ValueError, match=r'faces\.csv:\d: '):
        cropper.run()


@pytest.mark.parametrize('classes', ['/etc/hostname', 3, [3], dict(a=1)])
def test_classes_of_a_manifest_are_names(tmp_path, classes):
    """MMEngine would take a string for a file of names and read it."""
    (tmp_path / 'labels.csv').write_text('image,expression\na.png,anger\n')
    content = dict(classes=classes, image_root=[3])
    (tmp_path / 'manifest.json').write_text(json.dumps(content))
    (layout,) = FaceDataset.layouts
    config = layout.configs(str(tmp_path))['labels.csv']
    assert 'metainfo' not in config
    assert config['data_root'] == str(tmp_path)
