"""The distributed scripts, with two processes on gloo."""

import os
import re
import socket
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture(autouse=True)
def cpu_and_free_port(monkeypatch):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        monkeypatch.setenv('PORT', str(probe.getsockname()[1]))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')


def test_train_then_test_on_two_processes(call, synthetic_root, monkeypatch):
    """Of teacher and student; one process can read what two have written."""
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))
    config = TOOLS.parent / 'configs/demo/demo_spatial.py'
    output = call(
        f'bash {{tools}}/dist_train.sh {config} 2 --work-dir two '
        '--cfg-options train_cfg.max_iters=2 train_dataloader.batch_size=8 '
        'default_hooks.checkpoint.interval=2 default_hooks.logger.interval=1 '
        'model.network.init_cfg=None'
    )
    assert 'Distributed training: True' in output
    assert 'GPU number: 2' in output and 'Iter(train) [2/2]' in output
    tests = (
        f'bash {{tools}}/dist_test.sh {config} two/iter_2.pth 2',
        f'python {{tools}}/test.py {config} two/iter_2.pth',
    )
    scores = [re.findall(r'\w+/macro_f1: [\d.]+', call(x)) for x in tests]
    assert len(scores[0]) == 2 and scores[0] == scores[1]


@pytest.mark.parametrize('name', ['dist_train', 'dist_test'])
def test_arguments_are_asked_for(call, name):
    assert 'usage: ' in call(f'bash {{tools}}/{name}.sh toy.py', status=2)


@pytest.mark.parametrize(
    'name, last, command',
    [
        ('slurm_train', 'dir', 'train.py toy.py --work-dir dir'),
        ('slurm_test', 'x.pth', 'test.py toy.py x.pth'),
    ],
)
def test_slurm_call(call, tmp_path, monkeypatch, name, last, command):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\necho "$@"\n')
    srun.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('GPUS', '4')
    monkeypatch.setenv('SRUN_ARGS', '--mem=8G --quiet')
    output = call(f'bash {{tools}}/{name}.sh gpu job toy.py {last} --amp')
    assert '--partition=gpu --job-name=job --gres=gpu:4 --ntasks=4' in output
    assert '--kill-on-bad-exit=1 --mem=8G --quiet python -u' in output
    assert f'{TOOLS}/{command} --launcher slurm --amp' in output
