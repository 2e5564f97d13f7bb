"""Also proves that SciPy and scikit-learn give the same results."""

import sys
from pathlib import Path

import numpy as np
import pytest

from fer_ssl.benchmarks.post_processing import (
    FrameTask,
    compare_frames,
    describe_frames,
    frame_tasks,
)
from tests.helpers.forked_script import run_script

ROOT = Path(__file__).parents[2]
NAMES = (
    'probabilities',
    'majority, sliding',
    'majority, blocks',
    'macro-F1',
    'CCC',
    'AU F1',
    'submission, EXPR',
    'submission, VA',
    'submission, AU',
)


def test_every_task_gives_what_scipy_gives(tmp_path):
    # Videos shorter than a window, and no multiple of a block.
    tasks = frame_tasks(1501, 7, str(tmp_path))
    assert tuple(task.name for task in tasks) == NAMES
    found = compare_frames(tasks, 1501, rounds=1)
    table = describe_frames(found, 1501).splitlines()
    assert len(table) == 2 + len(NAMES)
    assert table[0].startswith('| 1,501 frames | fer_ssl, s | plain, s |')


@pytest.mark.parametrize('number', range(len(NAMES)))
def test_a_difference_is_seen(tmp_path, number):
    task = frame_tasks(400, 2, str(tmp_path))[number]
    own, other = task.own(), task.baseline()
    if isinstance(own, dict):
        other['ccc' if 'ccc' in own else next(iter(other))] += 0.01
    elif isinstance(own, list):
        other[0] = other[0] + 1
    else:
        Path(other).write_text(Path(other).read_text() + '\n')
    with pytest.raises(AssertionError):
        task.check(own, other)


def test_a_difference_ends_the_comparison():
    task = FrameTask(
        'x', lambda: 1.0, lambda: 2.0, np.testing.assert_array_equal
    )
    with pytest.raises(AssertionError):
        compare_frames([task], 10, 1)


def test_tool(tmp_path):
    tool = ROOT / 'tools/benchmark/frames.py'
    options = '--frames=300 --videos=2 --rounds=1'.split()
    done = run_script(tool, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '| submission, AU |' in done.stdout


def test_without_scikit_learn(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'sklearn', None)
    with pytest.raises(ImportError, match='`pip install scikit-learn`'):
        frame_tasks(10, 1, str(tmp_path))
