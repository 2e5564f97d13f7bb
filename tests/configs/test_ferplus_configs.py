"""Configs of the few-label benchmark, on a tiny FERPlus."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from PIL import Image

from tests.datasets.faces.fer_plus_files import write_fer_plus

CONFIGS = Path(__file__).parents[2] / 'configs/ferplus'
#: Number of unlabeled faces, if they are not the other ones of FERPlus.
UNLABELED = {
    f'ferplus_{method}_{faces}_r18.py': number
    for method in ('softmatch', 'soft_labels')
    for faces, number in (('both', 19), ('other', 5))
}
NAMES = sorted(
    path.name
    for path in CONFIGS.glob('*_r18.py')
    if '_masked_' not in path.name
)


@pytest.fixture(scope='module')
def ferplus(tmp_path_factory):
    """Data root with four training faces per class and one for validation.

    Five faces of another collection are in its folder ``faces``.
    """
    root = tmp_path_factory.mktemp('ferplus')
    votes = [
        ('Training' if copy < 4 else 'PublicTest', tuple(row))
        for row in (8 * torch.eye(7, 10)).int().tolist()
        for copy in range(5)
    ]
    write_fer_plus(
        root / 'FERPlus',
        rows=[
            (usage, f'fer{number:07d}.png', row)
            for number, (usage, row) in enumerate(votes)
        ],
    )
    images = (root / 'FERPlus/data/FER2013Valid').glob('*.png')
    other = root / 'faces/images'
    other.mkdir(parents=True)
    lines = ['image,expression,split']
    for image in sorted(images)[:5]:
        flipped = Image.open(image).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        flipped.save(other / image.name)
        lines.append(f'{image.name},neutral,train')
    (root / 'faces/labels.csv').write_text('\n'.join(lines) + '\n')
    return root


@pytest.fixture
def load(ferplus, tmp_path, monkeypatch):
    """Function that reads a config and shortens it to two iterations."""
    monkeypatch.setenv('FER_SSL_DATA', str(ferplus))
    monkeypatch.setenv('FER_SSL_FACES', str(ferplus / 'faces'))
    # Logging the environment would run compilers, which takes a second.
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)

    def load(name):
        config = Config.fromfile(CONFIGS / name)
        init_default_scope(config.default_scope)
        train = config.train_cfg
        train.update(max_iters=2, val_interval=2)
        for loader, size in (
            (config.train_dataloader, 4),
            (train.get('unlabeled_dataloader'), 6),
        ):
            if loader is None:
                continue
            loader.batch_size = size
            dataset = loader.dataset.dataset
            for part in dataset.get('datasets', [dataset]):
                if part.type == 'FERPlusDataset' and part.labeled_per_class:
                    part.labeled_per_class = 2
        schedules = config.param_scheduler
        if isinstance(schedules, dict):
            schedules = schedules['teacher'] + schedules['student']
        for schedule in schedules:
            # The warm-up of 100 iterations takes one.
            schedule.update(
                {key: 1 for key in ('begin', 'end') if key in schedule}
            )
        config.merge_from_dict(
            dict(
                work_dir=str(tmp_path),
                experiment_name=f'{name}_{tmp_path.name}',
                visualizer=None,
            )
        )
        return config

    return load


@pytest.mark.parametrize('name', NAMES)
def test_each_config_trains_and_is_scored(load, name):
    runner = Runner.from_cfg(load(name))
    head = getattr(runner.model, 'student', runner.model).head
    runner.train()
    loop, scalars = runner.train_loop, runner.message_hub.log_scalars
    assert len(loop.dataloader.dataset) == 14
    losses = {key for key in scalars if 'loss' in key}
    assert all(scalars[key].current() < 100 for key in losses)
    if name == 'ferplus_supervised_r18.py':
        assert losses == {'train/loss', 'train/loss_supervised'}
    else:
        number = len(loop.unlabeled_dataloader.dataset)
        assert number == UNLABELED.get(name, 14)
        assert len(losses) >= 3
        assert 0 <= scalars['train/pseudo_label/confidence'].current() <= 1
    # Estimated from the unlabeled faces, except for a student.
    assert head.log_prior.any() == (name != 'ferplus_paper_a_r18.py')
    for score in ('balanced/accuracy', 'prior/uar', 'cpu_minutes'):
        assert scalars[f'val/{score}'].current() >= 0


def test_views_differ_and_keep_the_form_of_the_faces(load):
    loop = Runner.from_cfg(load('ferplus_fixmatch_r18.py')).train_loop
    assert tuple(loop.labeled_views) == ('weak', 'strong')
    batch = next(iter(loop.unlabeled_dataloader))
    faces = batch['inputs']
    assert faces.shape == (6, 1, 48, 48)
    torch.manual_seed(0)
    distances = {}
    for name, view in loop.views.items():
        views = view(faces)
        assert views.shape == faces.shape
        assert 0 <= views.min() and 1 < views.max() <= 255
        distances[name] = (views - faces).abs().mean()
    assert 0 < distances['weak'] < distances['strong']


def test_classifier_of_the_package(load):
    runner = Runner.from_cfg(load('ferplus_starter.py'))
    runner.train()
    faces = runner.train_loop.dataloader.dataset
    # 28 of FERPlus and 5 others, of which no class is rarer than 3 %.
    assert len(faces) == len(faces.dataset) == 33
    scalars = runner.message_hub.log_scalars
    assert 0 < scalars['train/loss_supervised'].current() < 10
    assert scalars['val/accuracy'].current() >= 0


def test_self_supervised_start(load, monkeypatch):
    pretraining = Runner.from_cfg(load('ferplus_masked_r18.py'))
    pretraining.train()
    assert len(pretraining.train_dataloader.dataset) == 28
    losses = pretraining.message_hub.log_scalars
    assert 0 < losses['train/loss'].current() < 10
    folder = pretraining.work_dir
    monkeypatch.setenv('FER_SSL_MAE', f'{folder}/iter_2.pth')
    runner = Runner.from_cfg(load('ferplus_masked_soft_labels_r18.py'))
    runner.model.init_weights()
    expected = pretraining.model.backbone.state_dict()
    for name, value in runner.model.backbone.state_dict().items():
        assert torch.equal(value, expected[name]), name
