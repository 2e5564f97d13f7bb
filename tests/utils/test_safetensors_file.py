import json
import struct

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader

import fer_ssl  # noqa: F401  (makes MMEngine read with safe_load)
from fer_ssl.utils.safetensors_file import is_safetensors, write_safetensors

CLASSES = ['a', 'b']


@pytest.fixture
def weights():
    shared = torch.arange(6.0).reshape(2, 3)
    return {
        'weight': shared.T,
        'same': shared,
        'half': torch.tensor([0.5], dtype=torch.float16),
        'count': torch.tensor(70_000),
    }


@pytest.mark.parametrize('name', ['w.safetensors', 'w.pth'])
def test_loaders_of_mmengine_read_it(tmp_path, weights, name):
    path = tmp_path / 'new' / name
    write_safetensors(path, weights, 'model = 1\n', dict(classes=CLASSES))
    assert is_safetensors(path)
    found = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    assert found['meta'] == dict(
        format='pt', cfg='model = 1\n', dataset_meta=dict(classes=CLASSES)
    )
    assert found['state_dict'].keys() == weights.keys()
    for key, value in weights.items():
        torch.testing.assert_close(
            found['state_dict'][key], value, rtol=0, atol=0
        )


def test_files_of_other_programs(tmp_path):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path = tmp_path / 'w.safetensors'
    path.write_bytes(struct.pack('<Q', len(header)) + header + b'\0' * 4)
    found = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    assert found == dict(meta={}, state_dict={'w': torch.zeros(1)})


def content_of(metadata):
    header = json.dumps({'__metadata__': metadata}).encode()
    return struct.pack('<Q', len(header)) + header


@pytest.mark.parametrize(
    'content',
    [
        struct.pack('<Q', 100) + b'{"w":',
        content_of(dict(dataset_meta='{')),
        content_of(dict(dataset_meta='[' * 100_000)),
        struct.pack('<Q', 2) + b'{]',
    ],
)
def test_damaged_files(tmp_path, content):
    path = tmp_path / 'w.safetensors'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='w.safetensors: this safetensors fi'):
        CheckpointLoader.load_checkpoint(str(path), 'cpu')


def test_checkpoints_of_torch_are_told_apart(tmp_path):
    path = tmp_path / 'a.pth'
    for new in (True, False):
        torch.save({}, path, _use_new_zipfile_serialization=new)
        assert not is_safetensors(path)
    path.write_bytes(b'')
    assert not is_safetensors(path)
