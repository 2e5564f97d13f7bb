"""All stages of paper B on tiny data, each by its own command."""

from pathlib import Path

import pytest

from fer_ssl.evaluation import VideoPredictions

CONFIGS = Path(__file__).parents[2] / 'configs/demo'
SHORT = '--cfg-options default_hooks.checkpoint.interval=2 '
TRAIN = f'python {{tools}}/train.py {CONFIGS}/'
ITERS = 'train_cfg.max_iters=2 train_cfg.val_interval=2 '
CONSTANT_LR = 'param_scheduler=None '


@pytest.fixture(scope='module')
def student(call, folder, synthetic_root):
    """Checkpoint of the fine-tuned encoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('FER_SSL_DEMO', str(synthetic_root))
        call(
            f'{TRAIN}demo_mae.py --work-dir mae {SHORT}{CONSTANT_LR}'
            'train_cfg.max_iters=2'
        )
        patch.setenv('FER_SSL_MAE', 'mae/iter_2.pth')
        call(
            f'{TRAIN}demo_mae_finetune.py --work-dir tuned '
            f'{SHORT}{ITERS}{CONSTANT_LR}'
        )
    return folder / 'tuned/iter_2.pth'


def test_plot_of_reconstructions(
    call, folder, student, synthetic_root, monkeypatch
):
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))
    call(
        'python {tools}/analysis/plot_reconstructions.py '
        f'{CONFIGS}/demo_mae.py mae/iter_2.pth --out mae.png --count 2'
    )
    assert (folder / 'mae.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    'task, encoder', [('va', 'full'), ('expr', 'no_tcn'), ('au', 'gru')]
)
def test_temporal_phase(
    call, folder, student, synthetic_root, monkeypatch, task, encoder
):
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))
    monkeypatch.setenv('FER_SSL_STUDENT', str(student))
    monkeypatch.setenv('FER_SSL_FEATURES', 'features')
    monkeypatch.setenv('FER_SSL_ENCODER', encoder)
    config = f'{CONFIGS}/demo_b_{task}.py'
    call(
        f'python {{tools}}/extract_features.py {config} {student} '
        '--out features'
    )
    call(
        f'{TRAIN}demo_b_{task}.py --work-dir {task} {SHORT}{ITERS}'
        f'{CONSTANT_LR}val_evaluator.out_file={task}.csv'
    )
    predictions = VideoPredictions.from_csv(str(folder / f'{task}.csv'))
    columns = dict(va=2, expr=8, au=12)
    assert len(predictions.classes) == columns[task]
