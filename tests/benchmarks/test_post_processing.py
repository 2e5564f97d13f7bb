"""The timed tasks give the same results as SciPy and scikit-learn."""

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


def test_every_task_equals_scipy(tmp_path):
    # Videos that are shorter than a window or no multiple of a block.
    tasks = frame_tasks(1501, 7, str(tmp_path))
    assert tuple(task.name for task in tasks) == NAMES
    found = compare_frames(tasks, 1501, rounds=1)
    table = describe_frames(found, 1501).splitlines()
    assert len(table) == 2 + len(NAMES)
    assert table[0].startswith('| 1,501 frames | fer_ssl, s | plain, s |')


@pytest.mark.parametrize('number', range(len(NAMES)))
def test_different_results_are_detected(tmp_path, number):
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


def test_different_results_end_the_comparison():
    task = FrameTask(
        'x', lambda: 1.0, lambda: 2.0, np.testing.assert_array_equal
    )
    with pytest.raises(AssertionError):
        compare_frames([task], 10, 1)


def test_tool(run_tool):
    shown = run_tool('frames.py', '--frames=300 --videos=2 --rounds=1')
    assert '| submission, AU |' in shown


def test_without_scikit_learn(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'sklearn', None)
    with pytest.raises(ImportError, match='`pip install scikit-learn`'):
        frame_tasks(10, 1, str(tmp_path))
