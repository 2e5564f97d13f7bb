"""`step.py --data-time`, and the tables of `scaling.py`."""

import re
from pathlib import Path

from tests.helpers.forked_script import run_script

ROOT = Path(__file__).parents[2]


def run(*command, cwd):
    done = run_script(*command, cwd=cwd)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_data_time(folder):
    tool = ROOT / 'tools/benchmark/step.py'
    shown = run(tool, '--config=toy.py', '--data-time=6', cwd=folder)
    match = re.search(r'4 steps: ([\d.]+) ms.* ([\d.]+) % of the time', shown)
    assert float(match[1]) > 0
    assert 0 <= float(match[2]) <= 100


def test_scaling_table(tmp_path):
    tool = ROOT / 'tools/benchmark/scaling.py'
    shown = run(
        tool, '--step-ms=300', '--bandwidth=20', '--latency=15', cwd=tmp_path
    )
    assert '6,000,000 unlabeled faces, 48 GB' in shown
    assert len(re.findall(r'^\| 64 \|', shown, re.M)) == 2
