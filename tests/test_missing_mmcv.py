"""Without mmcv, every entry point shows the two commands to install it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HIDE = """
from importlib.machinery import PathFinder
find_spec = PathFinder.find_spec
def find_others(name, *args):
    return None if name == 'mmcv' else find_spec(name, *args)
PathFinder.find_spec = find_others
"""


@pytest.fixture
def call(tmp_path):
    """Function that runs Python where mmcv cannot be found."""
    (tmp_path / 'sitecustomize.py').write_text(HIDE)

    def call(*words):
        return subprocess.run(
            [sys.executable, '-W', 'ignore', *map(str, words)],
            cwd=tmp_path,
            env=dict(os.environ, PYTHONPATH=str(tmp_path)),
            capture_output=True,
            text=True,
        )

    return call


def remedies():
    wanted = (ROOT / 'requirements/lite.txt').read_text().splitlines()[-1]
    yield f'`pip install "{wanted}"`'
    yield f'`mim install "{wanted.replace("-lite", "")}"`'


@pytest.mark.parametrize('script', ['train.py', 'test.py'])
def test_scripts_say_so_in_one_line(call, script):
    words = ['x.py', 'x.pth'] if script == 'test.py' else ['x.py']
    done = call(ROOT / 'tools' / script, *words)
    assert done.returncode == 1 and done.stdout == ''
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: mmcv is not installed. ')
    assert all(remedy in line for remedy in remedies())


def test_their_help_works(call):
    # `mim train` reads it first.
    assert '--gpus' in call(ROOT / 'tools/train.py', '-h').stdout


@pytest.mark.parametrize('name', ['fer_ssl.datasets', 'mmpretrain'])
def test_imports_name_the_remedy(call, name):
    done = call('-c', f'import fer_ssl; import {name}')
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith('ModuleNotFoundError: mmcv is not installed. ')
    assert all(remedy in last for remedy in remedies())
