"""`step.py --data-time`, and the tables of `scaling.py`."""

import re


def test_data_time(call):
    shown = call(
        'python {tools}/benchmark/step.py --config=toy.py --data-time=6'
    )
    match = re.search(r'4 steps: ([\d.]+) ms.* ([\d.]+) % of the time', shown)
    assert float(match[1]) > 0
    assert 0 <= float(match[2]) <= 100


def test_scaling_table(call):
    shown = call(
        'python {tools}/benchmark/scaling.py --step-ms=300 --bandwidth=20 '
        '--latency=15'
    )
    assert '6,000,000 unlabeled faces, 48 GB' in shown
    assert len(re.findall(r'^\| 64 \|', shown, re.M)) == 2
