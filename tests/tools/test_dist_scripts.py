"""The distributed scripts, with two processes on gloo."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture(autouse=True)
def cpu_and_free_port(monkeypatch):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        monkeypatch.setenv('PORT', str(probe.getsockname()[1]))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')


def test_train_then_test_on_two_processes(
    call, folder, synthetic_root, monkeypatch
):
    """Teacher and student; one process can read what two have written."""
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))
    config = TOOLS.parent / 'configs/demo/demo_spatial.py'
    output = call(
        f'bash {{tools}}/dist_train.sh {config} 2 --work-dir two '
        '--cfg-options train_cfg.max_iters=2 train_dataloader.batch_size=8 '
        'default_hooks.checkpoint.interval=2 default_hooks.logger.interval=1 '
        'model.network.init_cfg=None'
    )
    assert 'Iter(train) [2/2]' in output
    (log,) = (folder / 'two').glob('*/*.log')
    assert 'Distributed training: True' in log.read_text()
    assert 'GPU number: 2' in log.read_text()
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
    'name, file, given',
    [('dist_train', '', 'toy.py'), ('dist_test', 'x.pth', 'toy.py x.pth')],
)
def test_call_on_a_node(call, tmp_path, monkeypatch, name, file, given):
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\necho "$PYTHONPATH" "$@"\n')
    python.chmod(0o755)
    # `call` puts the folder of its own Python first.
    monkeypatch.setattr(sys, 'executable', str(python))
    node = dict(NNODES='4', NODE_RANK='3', MASTER_ADDR='first', PORT='29511')
    for key, value in node.items():
        monkeypatch.setenv(key, value)
    script = f'{{tools}}/{name}.sh'
    output = call(f"bash {script} toy.py {file} 8 --work-dir 'two words'")
    assert f'{TOOLS}/../projects' in output
    assert (
        '-m torch.distributed.run --nnodes=4 --node_rank=3 '
        '--master_addr=first --master_port=29511 --nproc_per_node=8 '
        f'{TOOLS}/{name[5:]}.py {given} --launcher pytorch '
        '--work-dir two words'
    ) in output


@pytest.mark.parametrize(
    'name, last, command',
    [
        ('slurm_train', 'dir', 'train.py toy.py --work-dir dir'),
        ('slurm_test', 'x.pth', 'test.py toy.py x.pth'),
    ],
)
@pytest.mark.parametrize('gpus, per_node', [(4, 4), (16, 8)])
def test_slurm_call(
    call, tmp_path, monkeypatch, name, last, command, gpus, per_node
):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\necho "$@"\n')
    srun.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('GPUS', str(gpus))
    monkeypatch.setenv('SRUN_ARGS', '--mem=8G --quiet')
    output = call(f'bash {{tools}}/{name}.sh gpu job toy.py {last} --amp')
    assert (
        f'--partition=gpu --job-name=job --gres=gpu:{per_node} '
        f'--ntasks={gpus} --ntasks-per-node={per_node} --cpus-per-task=5'
    ) in output
    assert '--kill-on-bad-exit=1 --mem=8G --quiet python -u' in output
    assert f'{TOOLS}/{command} --launcher slurm --amp' in output


def test_killed_rank_ends_the_run_and_loses_nothing(
    folder, synthetic_root, monkeypatch, call
):
    """The other rank does not wait for ever; --resume goes on."""
    monkeypatch.setenv('FER_SSL_DEMO', str(synthetic_root))
    config = TOOLS.parent / 'configs/demo/demo_spatial.py'
    command = (
        f'bash {TOOLS}/dist_train.sh {config} 2 --work-dir killed '
        '--cfg-options train_dataloader.batch_size=8 '
        'default_hooks.checkpoint.interval=2 model.network.init_cfg=None '
    )
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    process = subprocess.Popen(
        (command + 'train_cfg.max_iters=1000').split(),
        cwd=folder,
        env=dict(os.environ, PATH=path, OMP_NUM_THREADS='1'),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    pointer = folder / 'killed' / 'last_checkpoint'
    while not pointer.exists():
        assert process.poll() is None, process.communicate()[0][-3000:]
        time.sleep(0.2)
    ranks = [
        int(pid)
        for pid in os.listdir('/proc')
        if pid.isdigit() and _is_child(pid, process.pid, 'train.py')
    ]
    assert len(ranks) == 2
    os.kill(max(ranks), signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert 'Signal 9 (SIGKILL)' in output
    last = int(re.search(r'iter_(\d+)\.pth', pointer.read_text())[1])
    output = call(f'{command} train_cfg.max_iters={last + 2} --resume')
    assert f'resumed epoch: 0, iter: {last}' in output
    assert (folder / 'killed' / f'iter_{last + 2}.pth').exists()


def _is_child(pid, parent, script):
    """Whether a process runs ``script`` and was started by ``parent``."""
    try:
        status = Path(f'/proc/{pid}/stat').read_text().rsplit(') ')[1]
        words = Path(f'/proc/{pid}/cmdline').read_text().split('\0')
    except OSError:
        return False
    return int(status.split()[1]) == parent and any(
        word.endswith(script) for word in words
    )
