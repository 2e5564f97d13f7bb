"""Configs of paper A on data sets in the layout of their owners."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from fer_ssl.data_preparation.split_builder import (
    SplitRecipe,
    build_split,
    read_recipe,
)
from fer_ssl.labels import ABAW_EXPRESSIONS
from tests.datasets.faces.affectnet_files import write_affectnet_2021
from tests.datasets.faces.expw_files import EXPW, write_expw
from tests.datasets.videos.aff_wild2_files import write_aff_wild2
from tests.helpers.record_io_files import write_ms1m

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.fixture(scope='module')
def shipped(tmp_path_factory):
    """Data root with every data set of the paper and the split."""
    root = tmp_path_factory.mktemp('shipped')
    write_affectnet_2021(root / 'AffectNet')
    write_expw(root / 'ExpW')
    # Every class is needed because batches are balanced.
    with open(root / 'ExpW/label/label.lst', 'a') as file:
        for number in range(20, 27):
            file.write(
                f'{EXPW[0][0]} {number} 2 2 20 {number} 9.5 {number - 20}\n'
            )
    write_aff_wild2(root / 'Aff-Wild2')
    write_ms1m(root / 'faces_emore')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('FER_SSL_DATA', str(root))
        recipe = read_recipe(str(CONFIGS / 'split_paper_a.yml'))
    build_split(SplitRecipe(**recipe), str(root / 'split'))
    return root


@pytest.fixture
def load(shipped, monkeypatch):
    """Function that reads a config for that data root."""
    monkeypatch.setenv('FER_SSL_DATA', str(shipped))

    def load(name):
        config = Config.fromfile(CONFIGS / name)
        init_default_scope(config.default_scope)
        return config

    return load


def first_batch(config):
    config = dict(
        config, batch_size=4, num_workers=0, persistent_workers=False
    )
    loader = Runner.build_dataloader(config, seed=0)
    return loader.dataset, next(iter(loader))


def items(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def faces(dataset):
    """Key that identifies each face."""
    return {(item['img_path'], item.get('box')) for item in items(dataset)}


@pytest.mark.parametrize('name', ['baseline_r50.py', 'spatial_r50.py'])
def test_labeled_faces(load, shipped, name):
    dataset, batch = first_batch(load(name).train_dataloader)
    assert batch['inputs'].shape == (4, 3, 224, 224)
    assert min(x.gt_label.item() for x in batch['data_samples']) >= 0
    other = ABAW_EXPRESSIONS.index('other')
    sets = {True: set(), False: set()}
    for item in items(dataset):
        part = Path(item['img_path']).relative_to(shipped).parts[0]
        sets[item['gt_label'] == other].add(part)
    assert sets == {True: {'Aff-Wild2'}, False: {'AffectNet', 'ExpW'}}


@pytest.mark.parametrize(
    'name, with_ms1mv2',
    [('spatial_r50.py', True), ('spatial_r50_no_ms1mv2.py', False)],
)
def test_unlabeled_faces(load, name, with_ms1mv2):
    config = load(name)
    dataset, batch = first_batch(config.train_cfg.unlabeled_dataloader)
    weak, strong = batch['inputs']
    assert weak.shape == strong.shape == (4, 3, 224, 224)
    archives = {x['img_path'][:9] == 'recordio:' for x in items(dataset)}
    assert archives == ({False, True} if with_ms1mv2 else {False})
    labeled, _ = first_batch(config.train_dataloader)
    assert faces(labeled).isdisjoint(faces(dataset))


METHODS = sorted(path.name for path in (CONFIGS / 'methods').glob('*.py'))


@pytest.mark.parametrize('name', METHODS)
def test_methods_train(load, tmp_path, monkeypatch, name):
    """Trains each config for a step with a network of 11,000 weights."""
    # Logging the environment would run compilers, which takes a second.
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)
    config = load(f'methods/{name}')
    network = config.model.get('network', config.model)
    network.backbone.update(
        depth=18, base_channels=4, stem_channels=4, init_cfg=None
    )
    network.head.in_channels = 32
    train = config.train_cfg
    train.update(max_iters=1, val_interval=100)
    for loader, size in (
        (config.train_dataloader, 2),
        (train.unlabeled_dataloader, 3),
    ):
        loader.update(batch_size=size, num_workers=0, persistent_workers=False)
    config.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            experiment_name=f'{name}_{tmp_path.name}',
            val_dataloader=None,
            val_cfg=None,
            val_evaluator=None,
            test_dataloader=None,
            test_cfg=None,
            test_evaluator=None,
            visualizer=None,
        )
    )
    config.default_hooks.checkpoint.save_best = None
    runner = Runner.from_cfg(config)
    runner.train()
    scalars = runner.message_hub.log_scalars
    assert 0 <= scalars['train/pseudo_label/confidence'].current() <= 1
    losses = [x for x in scalars if 'loss' in x]
    assert len(losses) >= 3
    assert all(scalars[x].current() < 100 for x in losses)


def test_frames_of_the_validation_videos(load):
    dataset, batch = first_batch(load('spatial_r50.py').val_dataloader)
    assert batch['inputs'].shape == (4, 3, 224, 224)
    assert set(dataset.metainfo['videos']) == set(dataset.video_names)
    config = load('temporal_r50.py')
    clips = dict(config.val_dataloader.dataset, feature_store=None)
    clips['pipeline'] = [
        dict(
            type='LoadClipFrames',
            transforms=config.extract_dataloader.dataset.pipeline[:-1],
        ),
        dict(type='PackClipInputs'),
    ]
    clips, batch = first_batch(dict(config.val_dataloader, dataset=clips))
    assert clips.video_names == dataset.video_names
    assert batch['inputs'][0].shape[1:] == (3, 224, 224)
