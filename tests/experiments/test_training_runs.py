import json
import os

import pytest

from fer_ssl.experiments.training_runs import spread_table, train_once

# Logs the variable as the score of a validation.
TRAIN = """
import json, os, sys
from pathlib import Path
folder = Path(sys.argv[2].partition('=')[2], 'now', 'vis_data')
folder.mkdir(parents=True, exist_ok=True)
lines = [dict(iter=1, time=0.25), dict(uar=float(os.environ['FER_SSL_X']))]
text = '\\n'.join(json.dumps(line) for line in lines)
(folder / 'scalars.json').write_text(text)
with open(folder / 'calls.txt', 'a') as file:
    file.write(' '.join(sys.argv[1:]) + '\\n')
"""


@pytest.fixture
def train(tmp_path):
    """Function that trains with a value of the variable."""
    script = tmp_path / 'train.py'
    script.write_text(TRAIN)

    def train(value, *options):
        variables = dict(FER_SSL_X=value)
        folder = tmp_path / 'work'
        return train_once(
            script, 'a.py', folder, ('b=1', *options), ['uar'], variables
        )

    return train


def test_same_training_is_not_repeated(train, tmp_path):
    calls = tmp_path / 'work/now/vis_data/calls.txt'
    expected = dict(uar=40.0, ms_per_step=250.0)
    assert train('40') == train('40') == expected
    line = f'a.py --work-dir={tmp_path}/work --cfg-options b=1'
    assert calls.read_text().splitlines() == [line]
    trial = json.loads((tmp_path / 'work/scores.json').read_text())['trial']
    assert trial['variables']['FER_SSL_X'] == '40'

    assert train('41')['uar'] == 41
    train('41', 'c=2')
    assert calls.read_text().splitlines()[1:] == [line, line + ' c=2']


def test_other_start_weights_are_another_training(
    train, tmp_path, monkeypatch
):
    weights = tmp_path / 'weights.pth'
    weights.touch()
    monkeypatch.setenv('FER_SSL_BASELINE', str(weights))
    calls = tmp_path / 'work/now/vis_data/calls.txt'
    for _ in range(2):
        train('40')
    assert len(calls.read_text().splitlines()) == 1
    os.utime(weights, ns=(1, 1))
    train('40')
    assert len(calls.read_text().splitlines()) == 2


def test_failure_names_the_log(train, tmp_path):
    with pytest.raises(RuntimeError, match='log.txt'):
        train('no number')
    text = (tmp_path / 'work/log.txt').read_text()
    assert "could not convert string to float: 'no number'" in text


def test_spread_table():
    """Too short a training has no time."""
    rows = [
        dict(name='dash', seed=0, uar=40.0, time=5.0),
        dict(name='dash', seed=1, uar=44.0, time=float('nan')),
        dict(name='uda', seed=0, uar=30.0, time=4.0),
    ]
    titles = dict(uar='UAR', time='ms')
    assert spread_table(rows, 'name', titles).splitlines() == [
        '| name | UAR | ms |',
        '| --- | ---: | ---: |',
        '| dash | 42.00 ± 2.83 | 5.00, 1 of 2 seeds |',
        '| uda | 30.00 | 4.00 |',
    ]
