"""Two steps of every config of configs/faces/ that trains on FER_SSL_FACES."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import Runner
from PIL import Image

from fer_ssl.data_preparation.still_sequences import make_still_sequences
from tests.helpers.tiny_networks import use_eight_channels

CONFIGS = Path(__file__).parents[2] / 'configs' / 'faces'
NAMES = sorted(
    path.name
    for path in CONFIGS.glob('*.py')
    if 'FER_SSL_SEQUENCES' not in path.read_text()
    and path.name != 'faces_temporal_48_r18.py'
)
CLASSES = (
    'neutral',
    'anger',
    'happiness',
    'sadness',
    'surprise',
    'disgust',
    'fear',
)


@pytest.fixture(scope='module')
def faces(tmp_path_factory):
    """A CSV with identities and two classes that the configs leave out."""
    root = tmp_path_factory.mktemp('faces')
    (root / 'images').mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for label, name in enumerate(CLASSES):
        for number in range(66):
            split = 'train' if number < 63 else 'val'
            image = f'{name}_{number}.png'
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            pixels[:, :, 0] = 30 * label
            Image.fromarray(pixels).save(root / 'images' / image)
            rows.append((image, name, f'{split}{number % 9}', split))
    with open(root / 'labels.csv', 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(('image', 'expression', 'identity', 'split'))
        writer.writerows(rows)
    return root


@pytest.mark.parametrize('name', NAMES)
def test_training(faces, tmp_path, monkeypatch, name):
    # Logging the environment would run compilers, which takes a second.
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)
    monkeypatch.setenv('FER_SSL_FACES', str(faces))
    config = Config.fromfile(CONFIGS / name)
    init_default_scope(config.default_scope)
    config.model.init_cfg = None
    network = config.model.get('network', config.model)
    network.init_cfg = None
    use_eight_channels(network)
    train = config.train_cfg
    train.update(max_iters=2, val_interval=2)
    loaders = [config.train_dataloader, config.val_dataloader]
    semi_supervised = 'unlabeled_dataloader' in train
    if semi_supervised:
        loaders.append(train.unlabeled_dataloader)
    for loader in loaders:
        loader.update(batch_size=10, num_workers=0, persistent_workers=False)
    if isinstance(config.param_scheduler, list):
        # The warm-up of some is longer than the run.
        config.param_scheduler = []
    config.work_dir = str(tmp_path)
    config.experiment_name = f'{name}_{tmp_path.name}'
    runner = Runner.from_cfg(config)
    runner.train()
    scalars = runner.message_hub.log_scalars
    evaluator = config.val_evaluator
    if isinstance(evaluator, list):
        evaluator = evaluator[0]
    prefix = f'{evaluator.prefix}/' if 'prefix' in evaluator else ''
    assert 0 <= scalars[f'val/{prefix}macro_f1'].current() <= 100
    if semi_supervised and 'supervised' not in name:
        # 3 faces of each class are left, and all 63 of each class left out.
        assert len(runner.train_loop.unlabeled_dataloader.dataset) == 141
        assert 'train/pseudo_label/confidence' in scalars
    assert (tmp_path / 'iter_2.pth').exists()


@pytest.mark.parametrize(
    'student, frames, temporal',
    [
        (
            'faces_spatial_r18.py',
            'faces_static_r18.py',
            'faces_temporal_r18.py',
        ),
        (
            'faces_soft_labels_r18.py',
            'faces_static_48_r18.py',
            'faces_temporal_48_r18.py',
        ),
    ],
)
def test_sequences_are_seen_as_the_student_saw_faces(
    faces, tmp_path, monkeypatch, student, frames, temporal
):
    make_still_sequences(faces, tmp_path, CLASSES[:5], num_videos=(1, 1))
    monkeypatch.setenv('FER_SSL_FACES', str(faces))
    monkeypatch.setenv('FER_SSL_SEQUENCES', str(tmp_path))
    monkeypatch.setenv('FER_SSL_STUDENT', str(tmp_path / 'student.pth'))
    config = Config.fromfile(CONFIGS / student)
    init_default_scope('mmpretrain')
    config.model.init_cfg = None
    config.model.get('network', config.model).init_cfg = None
    network = MODELS.build(config.model).eval()
    weights = dict(state_dict=network.state_dict())
    torch.save(weights, tmp_path / 'student.pth')
    network = getattr(network, 'student', network)
    with_features = Config.fromfile(CONFIGS / temporal)
    recognizer = MODELS.build(with_features.model).eval()

    def one_frame(dataset):
        dataset = DATASETS.build(dataset)
        # The first frames may be without a face.
        index = next(
            i for i in range(500) if dataset.get_data_info(i)['img_path']
        )
        return dataset.get_data_info(index)['img_path'], dataset[index]

    monkeypatch.setenv('FER_SSL_FIT_FILES', 'other.csv')
    frame_by_frame = Config.fromfile(CONFIGS / frames)
    fitted = [
        metric.network
        for metric in frame_by_frame.test_evaluator
        if 'fit_files' in metric.get('post_process', {})
    ]
    assert fitted == ['balanced'] * (5 if '48' in frames else 0)
    path, item = one_frame(frame_by_frame.test_dataloader.dataset)
    dataset = with_features.extract_dataloader.dataset
    other_path, other = one_frame({**dataset, 'split': 'val'})
    assert path == other_path
    assert torch.equal(item['inputs'], other['inputs'])
    image = MODELS.build(config.model.data_preprocessor)
    inputs = image(pseudo_collate([item]))['inputs']
    with torch.no_grad():
        (expected,) = network.extract_feat(inputs)
        inputs = recognizer.data_preprocessor(pseudo_collate([other]))
        found = recognizer.student_features(inputs['inputs'])
    torch.testing.assert_close(found, expected)
