"""tools/analysis/feedback_study.py with trainings of two iterations."""

import csv
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / 'configs/demo/demo_spatial.py'


@pytest.fixture
def study(call, folder, synthetic_root, monkeypatch):
    """Function that runs the study with further options."""
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))

    def study(options, status=0):
        return call(
            f'python {{tools}}/analysis/feedback_study.py {CONFIG} '
            "--only 'none, soft' 'dot, sample, normalized' --seeds 0 1 "
            '--work-dir study --cfg-options train_cfg.max_iters=2 '
            f'train_cfg.val_interval=2 {options}',
            status,
        )

    return study


def test_table_and_scores(study, folder):
    options = (
        'model.network.init_cfg=None train_dataloader.dataset.seed={{seed}}'
    )
    table = study(options).splitlines()[-4:]
    assert table[0].startswith('| variant | student/macro_f1 |')
    assert [row.split(' | ')[0] for row in table[2:]] == [
        '| none, soft',
        '| dot, sample, normalized',
    ]
    with open(folder / 'study/study.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['seed'] for row in rows] == ['0', '1', '0', '1']
    scores = [float(row['teacher/uar']) for row in rows[:2]]
    mean = sum(scores) / 2
    assert table[2].split(' | ')[4].startswith(f'{mean:.2f} ± ')

    logs = list((folder / 'study').rglob('log.txt'))
    assert len(logs) == 4
    times = [log.stat().st_mtime_ns for log in logs]
    assert study(options).splitlines()[-4:] == table
    assert [log.stat().st_mtime_ns for log in logs] == times, 'trained again'


def test_failed_training_names_its_log(study, folder):
    output = study('', status=1)  # no start weights
    error = output.splitlines()[-1]
    before = 'error: a training or test failed, see '
    assert error.startswith(before)
    log, why = error[len(before) :].split(': ', 1)
    assert 'do not exist' in Path(folder, log).read_text()
    assert why
