from pathlib import Path

import numpy as np
import pytest

from fer_ssl.benchmarks.timing import (
    Speed,
    StepTimes,
    compare_rates,
    describe,
    time_training,
)


def test_variants_alternate():
    calls = []
    speeds = compare_rates(
        dict(
            a=lambda: calls.append('a') or 2.0,
            b=lambda: calls.append('b') or 6.0,
        ),
        rounds=2,
    )
    assert calls == ['b', 'a', 'a', 'b']
    assert speeds == [
        Speed('a', [2.0, 2.0], [1.0, 1.0]),
        Speed('b', [6.0, 6.0], [3.0, 3.0]),
    ]


def test_table():
    speeds = [Speed('a', [10.0, 30.0, 20.0], [1.0, 3.0, 2.5])]
    head, _, line = describe(speeds, 'format', 'images/s').splitlines()
    assert head.startswith('| format | images/s | min | max | ratio to a |')
    assert line == '| a | 20.0 | 10.0 | 30.0 | 2.50 | 1.00 | 3.00 |'


def test_step_times():
    times = StepTimes(np.array([1.0, 3.0]), np.array([0.5, 0.5]))
    assert times.data_fraction == pytest.approx(0.25)
    assert times.compute_ms == pytest.approx(1500)


def test_failed_training(tmp_path):
    train = Path(__file__).parents[2] / 'tools/train.py'
    with pytest.raises(ValueError, match='at least two'):
        time_training(train, 'x.py', tmp_path, 1)
    with pytest.raises(RuntimeError, match='training.log'):
        time_training(train, 'x.py', tmp_path / 'no', 3)
