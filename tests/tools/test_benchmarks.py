"""Benchmarks of evaluations and checkpoints, on very little."""

from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / 'configs/demo/demo_baseline.py'


def test_gather(call):
    text = call('python {tools}/benchmark/gather.py --predictions 320')
    rows = [line.strip('| ').split(' | ') for line in text.splitlines()]
    table = {name: cells for name, *cells in rows if len(cells) == 6}
    assert len(table) == 1 + 1 + 4  # head and rule
    # Each of 8 classes is drawn equally often: the chance of a hit is 1/8.
    for name in ('images', 'images, written', 'frames of videos'):
        assert 3 < float(table[name][-1]) < 30


def test_checkpoint(call):
    command = 'python {tools}/benchmark/checkpoint.py --rounds 1'
    last = call(f'{command} {CONFIG}').splitlines()[-1]
    name, weights, size, *times = last.strip('| ').split(' | ')
    assert name == str(CONFIG)
    # Weights and momentum of SGD in float32; the cells are rounded.
    assert float(size) == pytest.approx(8 * float(weights), abs=0.6)
    assert len(times) == 4
