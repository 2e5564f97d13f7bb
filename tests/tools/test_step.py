import re


def test_data_time(call):
    shown = call(
        'python {tools}/benchmark/step.py --config=toy.py --data-time=6'
    )
    match = re.search(r'4 steps: ([\d.]+) ms.* ([\d.]+) % of the time', shown)
    assert float(match[1]) > 0
    assert 0 <= float(match[2]) <= 100
