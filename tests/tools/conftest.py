import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.forked_script import run_script

ROOT = Path(__file__).parents[2]
TOY_CONFIG = """
custom_imports = dict(imports=['fer_ssl'])
toys = 'mmengine.testing.runner_test_case.'
model = dict(type=toys + 'ToyModel')
dataset = dict(type=toys + 'ToyDataset')
train_dataloader = dict(
    batch_size=3,
    num_workers=0,
    dataset=dataset,
    sampler=dict(type='InfiniteSampler', shuffle=True),
)
test_dataloader = dict(
    batch_size=3,
    num_workers=0,
    dataset=dataset,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
train_cfg = dict(by_epoch=False, max_iters=2)
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
test_evaluator = dict(type=toys + 'ToyMetric')
default_hooks = dict(
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2),
    logger=dict(type='LoggerHook', interval=1),
)
log_processor = dict(by_epoch=False)
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Folder outside the checkout, with a config that trains in no time."""
    folder = tmp_path_factory.mktemp('elsewhere')
    (folder / 'toy.py').write_text(TOY_CONFIG)
    return folder


@pytest.fixture(scope='module')
def call(folder):
    """Function that runs a command there and returns its output.

    ``{tools}`` stands for the scripts of the checkout.
    """

    def call(command, status=0):
        words = shlex.split(command.format(tools=ROOT / 'tools'))
        if words[0] == 'mim':
            words[0] = str(Path(sys.executable).with_name('mim'))
        path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
        env = dict(os.environ, PATH=path, OMP_NUM_THREADS='1')
        if words[0] == 'python' and words[1].endswith('.py'):
            done = run_script(*words[1:], cwd=folder, env=env)
            output = done.stdout + done.stderr
        else:
            done = subprocess.run(
                words,
                cwd=folder,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            output = done.stdout
        assert done.returncode == status, output[-3000:]
        return output

    return call
