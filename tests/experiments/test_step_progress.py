import pytest

from fer_ssl.experiments.step_progress import read_progress

INFO = '11/28 23:00:00 - mmengine - INFO - '
TRAIN = f"""{INFO}Iter(train) [  50/1200]  lr: 1e-2  eta: 0:00:20  loss: 1.9
{INFO}Iter(val) [25/25]    student/macro_f1: 45.0300  student/uar: 50.1
{INFO}Iter(train) [ 100/1200]  lr: 1e-2  time: 0.02  loss: 1.7342
"""


@pytest.mark.parametrize(
    'kind, text, found',
    [
        ('train', TRAIN, (100, 1200, 'loss 1.7342, student/macro_f1 45.0300')),
        ('train', TRAIN.splitlines()[0], (50, 1200, 'loss 1.9')),
        ('train', 'starting\n', None),
        ('train', '', None),
        ('test', f'{INFO}Iter(test) [ 10/150]  eta: 0:01\n', (10, 150, '')),
        ('test', TRAIN, None),
        (
            'extract',
            'Frames: 1,500 of 21,000 (7 %), 12 s left\n',
            (1500, 21_000, ''),
        ),
    ],
)
def test_progress(tmp_path, kind, text, found):
    log = tmp_path / 'log.txt'
    log.write_text(text)
    assert read_progress(kind, log) == found


def test_only_the_end_of_a_long_log_is_read(tmp_path):
    log = tmp_path / 'log.txt'
    log.write_text('é' * 1_000_001 + '\n' + TRAIN)
    assert read_progress('train', log).completed == 100
