import json
import os
import os.path as osp
import subprocess
import sys

import numpy as np
import pytest

import fer_ssl
from fer_ssl.datasets.videos.feature_store import (
    FeatureStore,
    FeatureStoreWriter,
)
from fer_ssl.features.extract_features import extract_features
from tests.helpers.tiny_networks import extraction, write_student

ROOT = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))


@pytest.fixture
def cfg(write_videos):
    return extraction(write_videos({'a': '01.2' * 3, 'b': '.?'}, size=16))


@pytest.fixture
def student(cfg, tmp_path):
    return write_student(tmp_path / 'student.pth', cfg.model.backbone)


def test_rows_are_the_frames(cfg, student, tmp_path):
    store = extract_features(cfg, student, str(tmp_path / 'store'))
    assert store.features.shape == (14, 32)
    faces = [i for i, kind in enumerate('01.2' * 3 + '.?') if kind != '.']
    assert store.features[faces].any(axis=1).all()
    assert not np.delete(store.features, faces, axis=0).any()


def test_up_to_date_store_is_left_and_any_other_replaced(
    cfg, student, tmp_path, monkeypatch
):
    out = str(tmp_path / 'store')
    extract_features(cfg, student, out)
    before = FeatureStore(out)
    with monkeypatch.context() as patch:
        patch.setattr(FeatureStoreWriter, 'create', None)  # would fail
        extract_features(cfg, student, out)
    other = write_student(tmp_path / 'o.pth', cfg.model.backbone, seed=1)
    extract_features(cfg, other, out)
    after = FeatureStore(out)
    assert after.student_sha256 != before.student_sha256
    assert (after.features != before.features).any()
    cfg.model.data_preprocessor.std = [100] * 3
    extract_features(cfg, other, out)
    assert (FeatureStore(out).features != after.features).any()


def test_interrupted_extraction_is_no_store(cfg, student, tmp_path):
    out = str(tmp_path / 'store')
    os.remove(tmp_path / 'frames' / 'b' / '00002.png')
    with pytest.raises(ValueError, match='00002.png: no such image file'):
        extract_features(cfg, student, out)
    with pytest.raises(FileNotFoundError, match='not finished'):
        FeatureStore(out)


def test_split_option(cfg, student, tmp_path, write_videos):
    with pytest.raises(ValueError, match=r"\['test'\]"):
        extract_features(cfg, student, str(tmp_path / 'store'), ['test'])


def test_two_processes_of_the_command_write_one_store(cfg, student, tmp_path):
    config = str(tmp_path / 'config.py')
    cfg.dump(config)
    alone = extract_features(cfg, student, str(tmp_path / 'alone'))
    package = osp.dirname(osp.dirname(fer_ssl.__file__))
    command = [
        *(sys.executable, '-m', 'torch.distributed.run', '--standalone'),
        *('--nproc_per_node', '2'),
        osp.join(ROOT, 'tools', 'extract_features.py'),
        *(config, student, '--out', str(tmp_path / 'both')),
        *('--launcher', 'pytorch'),
        *('--cfg-options', 'extract_dataloader.batch_size=3'),
    ]
    result = subprocess.run(
        command,
        env=dict(os.environ, PYTHONPATH=package, CUDA_VISIBLE_DEVICES='-1'),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert '10 faces, extracted' in result.stdout
    both = FeatureStore(str(tmp_path / 'both'))
    np.testing.assert_allclose(
        both.features, alone.features, rtol=2e-3, atol=1e-4
    )
    with open(osp.join(both.path, 'index.json')) as file:
        assert json.load(file)['videos']['b']['offset'] == 12
