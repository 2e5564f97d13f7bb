"""tools/analysis/compare_methods.py with trainings of two iterations."""

import csv
from pathlib import Path

import matplotlib.image
import pytest

DEMO = Path(__file__).parents[2] / 'configs/demo'


@pytest.fixture
def compare(call, synthetic_root, monkeypatch):
    """Function that compares two configs of the demo."""
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))

    def compare(options, status=0):
        return call(
            f'python {{tools}}/analysis/compare_methods.py '
            f'{DEMO}/demo_methods.py:fixmatch '
            f'{DEMO}/demo_meta.py:meta_face2exp --iterations 2 '
            f'--network backbone.base_channels=8 head.in_channels=32 '
            f'{options}',
            status,
        )

    return compare


def test_table_scores_and_plot(compare, folder):
    options = (
        f'--baseline {DEMO}/demo_baseline.py --seeds 0 1 --jobs 2 '
        '--work-dir compared --cfg-options default_hooks.logger.interval=1 '
        'train_dataloader.sampler.seed={{seed}}'
    )
    table = compare(options).splitlines()[-6:]
    head = '| method | macro-F1 | UAR | accuracy | ms per step |'
    assert table[0] == head
    assert [row.split(' | ')[0] for row in table[2:]] == [
        '| demo_baseline',
        '| fixmatch',
        '| meta_face2exp student',
        '| meta_face2exp teacher',
    ]
    with open(folder / 'compared/methods.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['seed'] for row in rows] == list('01010011')
    scores = [float(row['uar']) for row in rows[2:4]]
    assert table[3].split(' | ')[2].startswith(f'{sum(scores) / 2:.2f} ± ')
    assert all(float(row['ms_per_step']) > 0 for row in rows)
    image = matplotlib.image.imread(folder / 'compared/methods.png')
    assert image.shape[1] == 1200
    assert (folder / 'compared/methods.md').read_text().splitlines() == table

    logs = list((folder / 'compared').rglob('log.txt'))
    assert len(logs) == 6
    times = [log.stat().st_mtime_ns for log in logs]
    assert compare(options).splitlines()[-6:] == table
    assert [log.stat().st_mtime_ns for log in logs] == times, 'trained again'


def test_failed_training_names_its_log(compare, folder, monkeypatch):
    monkeypatch.setenv('FER_SSL_BASELINE', 'missing.pth')
    error = compare('--seeds 0 --work-dir failed', 1).splitlines()[-1]
    before = 'error: a training or test failed, see '
    assert error.startswith(before)
    log, why = error[len(before) :].split(': ', 1)
    assert 'missing.pth do not exist' in Path(folder, log).read_text()
    assert why
