"""A training that gets a signal, in any process, saves a complete state."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import fer_ssl

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not Path('/proc/self/cmdline').exists(), reason='Linux only'
)
CONFIG = """
_base_ = 'toy.py'
custom_imports = dict(imports=['fer_ssl', 'slow_hook'])
train_dataloader = dict(
    num_workers=2,
    persistent_workers=True,
    sampler=dict(_delete_=True, type='InfiniteShuffleSampler'),
)
train_cfg = dict(
    _delete_=True, type='ResumableTrainLoop', max_iters=100000
)
default_hooks = dict(checkpoint=dict(type='SafeCheckpointHook', interval=5000))
custom_hooks = [dict(type='SlowHook')]
optim_wrapper = dict(optimizer=dict(lr=1e-9))
"""
HOOK = """
import time
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class SlowHook(Hook):
    def after_train_iter(self, runner, **kwargs):
        time.sleep(0.05)
"""
TRAIN = [sys.executable, str(ROOT / 'tools/train.py'), 'slow.py']
MIM = [
    str(Path(sys.executable).with_name('mim')),
    *('train', 'fer_ssl', 'slow.py', '--gpus', '0'),
]
TORCHRUN = [
    *(sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2'),
    *('--master_port=29711', *TRAIN[1:], '--launcher', 'pytorch'),
]


def fer_ssl_is_installed():
    return (Path(fer_ssl.__file__).parent / '.mim/tools/train.py').exists()


def children(parent):
    """Descendants of a process, by process ID."""
    found = [parent]
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            above = int(stat.read_text().rpartition(')')[2].split()[1])
        except OSError:
            continue  # it has just ended
        if above == parent:
            found += children(int(stat.parent.name))
    return found


def is_alive(process):
    try:
        stat = Path(f'/proc/{process}/stat').read_text()
    except OSError:
        return False
    return stat.rpartition(')')[2].split()[0] != 'Z'


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def wait_for_end(processes, log):
    """Wait for the end of processes, and report those that remain."""
    end = time.monotonic() + 60
    while alive := [x for x in processes if is_alive(x)]:
        if time.monotonic() > end:
            status = [Path(f'/proc/{x}/status').read_text() for x in alive]
            pytest.fail('\n'.join([*status, log.read_text()]))
        time.sleep(0.1)


@pytest.fixture
def running(folder, tmp_path):
    """Function that starts a command and waits for its first iterations."""
    (folder / 'slow.py').write_text(CONFIG)
    (folder / 'slow_hook.py').write_text(HOOK)
    started = []

    def start(command, work_dir='work'):
        log = tmp_path / f'{len(started)}.log'
        with open(log, 'w') as file:
            process = subprocess.Popen(
                [*command, '--work-dir', str(tmp_path / work_dir)],
                cwd=folder,
                env=dict(
                    os.environ,
                    PYTHONPATH=str(folder),
                    CUDA_VISIBLE_DEVICES='-1',
                    OMP_NUM_THREADS='1',
                ),
                stdout=file,
                stderr=file,
                start_new_session=True,
                # A shell starts jobs in the background with SIGINT ignored.
                preexec_fn=lambda: signal.signal(
                    signal.SIGINT, signal.SIG_DFL
                ),
            )
        started.append(process.pid)
        wait_for(
            lambda: (
                re.search(r'\(train\) \[ *3/', log.read_text())
                or process.poll() is not None
            ),
            120,
        )
        return process, log

    yield start
    for pid in started:
        for process in children(pid) if is_alive(pid) else ():
            os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize(
    'command, target, number',
    [
        (TRAIN, 'script', signal.SIGTERM),
        (TRAIN, 'script', signal.SIGINT),
        (TRAIN, 'group', signal.SIGTERM),
        (TRAIN, 'group', signal.SIGINT),
        (MIM, 'launcher', signal.SIGTERM),
        (MIM, 'launcher', signal.SIGINT),
        (MIM, 'launcher', signal.SIGKILL),
        (MIM, 'group', signal.SIGTERM),
        (MIM, 'group', signal.SIGINT),
        (MIM, 'child', signal.SIGTERM),
        (TORCHRUN, 'launcher', signal.SIGTERM),
        (TORCHRUN, 'launcher', signal.SIGKILL),
    ],
)
def test_the_state_is_saved(running, tmp_path, command, target, number):
    if command is MIM and not fer_ssl_is_installed():
        pytest.skip('needs an install, as tools/run_tests.sh makes')
    process, log = running(command)
    family = children(process.pid)
    if target == 'group':
        os.killpg(process.pid, number)
    elif target == 'child':
        os.kill(family[1], number)
    else:
        os.kill(process.pid, number)
    code = process.wait(60)
    wait_for_end(family, log)
    text = log.read_text()
    if command is TRAIN:
        assert code == 128 + number
        assert 'Traceback' not in text
    saved = tmp_path / 'work/interrupted.pth'
    iteration = torch.load(saved, weights_only=False)['meta']['iter']
    assert re.findall(r'\(train\) \[ *(\d+)/', text)[-1] == str(iteration)
    assert f'the state is saved in {saved}. Resume with:' in text
    assert text.count('--resume') == text.count('Resume with:')
    assert not list(tmp_path.glob('work/*.part.*'))


def test_the_command_that_is_printed_resumes(running, tmp_path, folder):
    process, log = running(TRAIN)
    process.terminate()
    process.wait(60)
    command = log.read_text().splitlines()[-1]
    assert command.startswith('python ') and command.endswith(' --resume')
    done = subprocess.run(
        f'{command} --cfg-options train_cfg.max_iters=9',
        shell=True,
        cwd=folder,
        env=dict(
            os.environ,
            PYTHONPATH=str(folder),
            PATH=f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert 'resumed epoch: 0, iter: ' in done.stdout


def test_a_second_training_in_the_folder_is_refused(running):
    first, _ = running(TRAIN)
    second, log = running(TRAIN)
    assert second.wait(60) == 1
    assert log.read_text().splitlines()[-1].startswith('error: ')
    assert f'another training (process {first.pid} on ' in log.read_text()
    assert first.poll() is None
    first.kill()
    wait_for(lambda: not is_alive(first.pid))
    third, log = running(TRAIN)  # at once, whatever the first has left
    assert third.poll() is None
    assert 'another training' not in log.read_text()
