import json

import numpy as np
import pytest

from fer_ssl.datasets import VideoClipDataset
from fer_ssl.datasets.videos.feature_store import FeatureStoreWriter
from fer_ssl.features.extract_features import extract_features
from tests.datasets.videos.aff_wild2_files import (
    CROPS,
    scene,
    write_aff_wild2,
    write_crop,
)
from tests.helpers.tiny_networks import extraction, write_student


@pytest.fixture
def cfg(tmp_path):
    write_aff_wild2(tmp_path / 'data')
    test_set = '6th_ABAW_Annotations/example_EXPR.txt'
    return extraction(
        dict(
            data_root=str(tmp_path / 'data'),
            reader=dict(type='AffWild2Reader', test_set=test_set),
        )
    )


@pytest.fixture
def student(cfg, tmp_path):
    return write_student(tmp_path / 'student.pth', cfg.model.backbone)


def read_recipe(out):
    with open(f'{out}/index.json') as file:
        return json.load(file)['recipe']


def test_features_of_all_splits_serve_each(cfg, student, tmp_path):
    out = str(tmp_path / 'store')
    splits = ('train', 'val', 'test')
    store = extract_features(cfg, student, out, splits)
    images = [x for s in splits for v in ordered(s) for x in v.images]
    assert store.features.shape == (len(images), 32)
    faces = np.array([x != '' for x in images])
    np.testing.assert_array_equal(store.features.any(axis=1), faces)
    for split in splits:
        dataset = VideoClipDataset(
            data_root=cfg.extract_dataloader.dataset.data_root,
            reader=cfg.extract_dataloader.dataset.reader,
            split=split,
            window=4,
            feature_store=out,
            test_mode=True,
        )
        for i in range(len(dataset)):
            item = dataset.get_data_info(i)
            has_feature = item['features'].any(axis=1)
            np.testing.assert_array_equal(has_feature, item['valid'])


def ordered(split):
    """Videos of a split in the order in which they are read."""
    name = {'train': 'Train_Set', 'val': 'Validation_Set', 'test': 'test'}
    videos = [v for v in scene() if v.split == name[split]]
    return sorted(videos, key=lambda video: video.name)


def test_a_new_crop_makes_a_new_store(cfg, student, tmp_path, monkeypatch):
    out = str(tmp_path / 'store')
    extract_features(cfg, student, out, ['val'])
    before = read_recipe(out)
    with monkeypatch.context() as patch:
        patch.setattr(FeatureStoreWriter, 'create', None)  # would fail
        extract_features(cfg, student, out, ['val'])
    write_crop(tmp_path / 'data/crops' / CROPS[0] / 'video59_right', 3)
    extract_features(cfg, student, out, ['val'])
    after = read_recipe(out)
    assert before['annotation_sha256'] != after['annotation_sha256']


def test_other_folds_make_a_new_store(cfg, student, tmp_path):
    out = str(tmp_path / 'store')
    path = tmp_path / 'folds.csv'
    cfg.extract_dataloader.dataset.update(folds=str(path), split='0')
    recipes = []
    for video in ('video59', 'video2'):
        path.write_text(f'video,fold\n{video},0\n')
        extract_features(cfg, student, out)
        recipes.append(read_recipe(out))
    assert recipes[0] != recipes[1]
