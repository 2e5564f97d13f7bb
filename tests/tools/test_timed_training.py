"""Tools that train for a few steps to take their times."""

import re
from pathlib import Path

import numpy as np
import pytest

from fer_ssl.benchmarks.timed_training import StepTimes, time_training
from tests.helpers.forked_script import run_script

ROOT = Path(__file__).parents[2]


def run(*command, cwd):
    done = run_script(*command, cwd=cwd)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_share():
    times = StepTimes(np.array([1.0, 3.0]), np.array([0.5, 0.5]))
    assert times.waiting_share == pytest.approx(0.25)
    assert times.computing_ms == pytest.approx(1500)


def test_waiting(folder):
    tool = ROOT / 'tools/benchmark/waiting.py'
    shown = run(tool, 'toy.py', '--iterations=6', cwd=folder)
    match = re.search(r'4 steps: ([\d.]+) ms.* ([\d.]+) % of the time', shown)
    assert float(match[1]) > 0
    assert 0 <= float(match[2]) <= 100


def test_failed_training(folder):
    with pytest.raises(ValueError, match='at least two'):
        time_training(ROOT / 'tools/train.py', 'x.py', folder, 1)
    with pytest.raises(RuntimeError, match='training.log'):
        time_training(ROOT / 'tools/train.py', 'x.py', folder / 'no', 3)


def test_scaling_table(tmp_path):
    tool = ROOT / 'tools/analysis/scaling.py'
    shown = run(
        tool, '--step-ms=300', '--bandwidth=20', '--latency=15', cwd=tmp_path
    )
    assert '6,000,000 unlabeled faces, 48 GB' in shown
    assert len(re.findall(r'^\| 64 \|', shown, re.M)) == 2
