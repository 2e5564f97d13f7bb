"""The code in docs/extending.md runs as printed."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner
from PIL import Image

from fer_ssl.features.extract_features import extract_features
from tests.helpers.forked_script import run_script
from tests.helpers.tiny_networks import write_student

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs/extending.md').read_text()
FILES = dict(re.findall(r'```python\n# (\w+\.py)\n(.*?)```', PAGE, re.DOTALL))
MAX_LINES = 45


@pytest.fixture
def load(tmp_path, monkeypatch, synthetic_root):
    """Function that reads a config of the page, in a folder as described."""
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    # Later tests look for the data sets of the package alone.
    names = dict(DATASETS.module_dict)
    monkeypatch.setattr(DATASETS, '_module_dict', names)
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))
    monkeypatch.setenv('FER_SSL_STUDENT', str(tmp_path / 'student.pth'))
    monkeypatch.setenv('FER_SSL_FEATURES', str(tmp_path / 'features'))

    def load(name):
        config = Config.fromfile(name)
        init_default_scope(config.default_scope)
        config.merge_from_dict(
            {
                'work_dir': str(tmp_path / 'work'),
                'experiment_name': f'{tmp_path.name}_{name}',
                'log_level': 'ERROR',
                'train_cfg.max_iters': 2,
                'train_cfg.val_interval': 2,
                'param_scheduler': None,  # the warm-up is longer than the run
                'vis_backends': [],
                'visualizer.vis_backends': [],
            }
        )
        for key in list(config):
            if key.endswith('_dataloader') and config[key]:
                config[key].num_workers = 0
                config[key].persistent_workers = False
        return config

    return load


def train(config):
    """Train and test; the metrics and the trained network."""
    runner = Runner.from_cfg(config)
    runner.train()
    for parameter in runner.model.parameters():
        assert parameter.isfinite().all()
    return runner.test(), runner


def extract(config):
    """Write the features of an untrained student."""
    path = config.model.student_checkpoint
    write_student(path, config.model.backbone)
    extract_features(
        config, path, config.test_dataloader.dataset.feature_store
    )


def test_snippets_are_short_and_complete():
    assert len(FILES) == 2 * len(re.findall(r'^## A', PAGE, re.MULTILINE))
    for name, code in FILES.items():
        lines = [line for line in code.splitlines() if line.strip()]
        assert len(lines) <= MAX_LINES, name
    # Every section has a component and a config that names it.
    for name, code in FILES.items():
        if '_base_' in code:
            component = re.search(r"'fer_ssl', '(\w+)'", code)[1]
            kind = re.search(r'class (\w+)', FILES[f'{component}.py'])[1]
            assert f"type='{kind}'" in code, name


def test_encoder(load):
    config = load('conv_temporal.py')
    extract(config)
    scores, runner = train(config)
    assert 0 <= scores['macro_f1'] <= 100
    encoder = runner.model.cls_head.temporal_encoder.eval()
    assert type(encoder).__name__ == 'ConvEncoder'
    x = torch.randn(2, 20, 64)
    valid = torch.rand(2, 20) < 0.6
    junk = torch.where(valid[..., None], x, torch.nan)
    torch.testing.assert_close(
        encoder(junk, valid)[valid], encoder(x, valid)[valid]
    )


def test_method(load):
    config = load('demo_entropy.py')
    config.model.init_cfg = None
    unlabeled = config.train_cfg.unlabeled_dataloader
    unlabeled.update(num_workers=0, persistent_workers=False)
    _, runner = train(config)
    assert type(runner.train_loop.method).__name__ == 'EntropyMinimization'
    assert 'train/loss_unsupervised' in runner.message_hub.log_scalars


def test_data_set(load, tmp_path):
    folder = tmp_path / 'data/jaffe'
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for person in ('KA', 'YM'):
        for code in ('NE', 'AN', 'DI', 'FE', 'HA', 'SA', 'SU'):
            pixels = rng.integers(0, 256, (80, 80), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f'{person}.{code}1.39.tiff')
    config = load('jaffe_supervised.py')
    scores, runner = train(config)
    assert 0 <= scores['macro_f1'] <= 100
    for loader, person in (
        (runner.train_dataloader, 'KA'),
        (runner.test_dataloader, 'YM'),
    ):
        assert sorted(loader.dataset.get_gt_labels()) == list(range(7))
        names = [Path(x['img_path']).name for x in items(loader.dataset)]
        assert {name[:2] for name in names} == {person}
    check = run_script(
        ROOT / 'tools/dataset/check.py',
        'data',
        '--import=jaffe_dataset',
        env=dict(os.environ, PYTHONPATH='.'),
    )
    assert check.returncode == 0, check.stderr
    assert f'JAFFE   {folder}\n  all: 14 faces' in check.stdout
    assert 'images: 14 checked, 0 with a problem' in check.stdout
    (folder / 'KA.XX1.7.tiff').touch()
    message = r"KA\.XX1.*'XX1' is not an expression"
    with pytest.raises(ValueError, match=message):
        load('jaffe_supervised.py') and train(config)


def items(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_post_processor(load):
    config = load('causal_temporal.py')
    extract(config)
    scores, runner = train(config)
    assert {'macro_f1', 'causal/macro_f1', 'both/macro_f1'} <= set(scores)
    (causal,) = [
        metric.post_process
        for metric in runner.test_evaluator.metrics
        if metric.prefix == 'causal'
    ]
    video = np.zeros((40, 2))
    video[:20, 0] = video[20:, 1] = 1
    expected = [1.0] * 20 + [0.9 ** (t + 1) for t in range(20)]
    np.testing.assert_allclose(causal(video)[:, 0], expected)
