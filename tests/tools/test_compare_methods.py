"""tools/analysis/compare_methods.py with trainings of two iterations."""

import csv
from pathlib import Path

import matplotlib.image
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

DEMO = Path(__file__).parents[2] / 'configs/demo'


@pytest.fixture
def compare(call, synthetic_root, monkeypatch):
    """Function that compares two configs of the demo."""
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))

    def compare(status=0, methods='fixmatch'):
        configs = [f'{DEMO}/demo_methods.py:{x}' for x in methods.split()]
        return call(
            f'python {{tools}}/analysis/compare_methods.py '
            f'{" ".join(configs)} {DEMO}/demo_meta.py:meta_face2exp '
            '--seeds 0 1 --iterations 2 --work-dir compared '
            '--cfg-options default_hooks.logger.interval=1 '
            'train_dataloader.sampler.seed={{seed}}',
            status,
        )

    return compare


def test_table_scores_and_picture(compare, folder, monkeypatch):
    weights = folder / 'baseline.pth'
    config = Config.fromfile(DEMO / 'demo_baseline.py')
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict()), weights)
    monkeypatch.setenv('FER_SSL_BASELINE', str(weights))

    table = compare().splitlines()[-5:]
    assert table[0].startswith('| method | macro-F1 | UAR | accuracy |')
    assert [row.split(' | ')[0] for row in table[2:]] == [
        '| fixmatch',
        '| meta_face2exp student',
        '| meta_face2exp teacher',
    ]
    with open(folder / 'compared/methods.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['seed'] for row in rows] == list('010011')
    scores = [float(row['uar']) for row in rows[:2]]
    assert table[2].split(' | ')[2].startswith(f'{sum(scores) / 2:.2f} ± ')
    assert all(float(row['ms_per_step']) > 0 for row in rows)
    picture = matplotlib.image.imread(folder / 'compared/methods.png')
    assert picture.shape[1] == 1200
    assert (folder / 'compared/methods.md').read_text().splitlines() == table

    logs = list((folder / 'compared').rglob('log.txt'))
    assert len(logs) == 4
    times = [log.stat().st_mtime_ns for log in logs]
    assert compare().splitlines()[-5:] == table
    assert [log.stat().st_mtime_ns for log in logs] == times, 'trained again'


def test_failed_training_names_its_log(compare, folder, monkeypatch):
    monkeypatch.setenv('FER_SSL_BASELINE', 'missing.pth')
    error = compare(1).splitlines()[-1]
    assert error.startswith('error: a training or test failed, see ')
    log = Path(folder, error.split()[-1]).read_text()
    assert 'missing.pth do not exist' in log


def test_two_of_one_name(compare):
    error = compare(1, 'dash dash').splitlines()[-1]
    assert error == 'error: two configs are named dash'
