from fer_ssl.benchmarks.timing import Speed, describe, take_turns


def test_turns():
    calls = []
    speeds = take_turns(
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
    head, _, line = describe(speeds, 'form', 'images/s').splitlines()
    assert head.startswith('| form | images/s | least | most | ratio to a |')
    assert line == '| a | 20.0 | 10.0 | 30.0 | 2.50 | 1.00 | 3.00 |'
