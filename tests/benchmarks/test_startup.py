import csv
import subprocess
import sys

import pytest

from fer_ssl.benchmarks.startup import (
    compare_startup,
    import_commands,
    startup_rows,
)


def test_import_costs_little_more_than_mmengine():
    """The minimum of three CPU times, because noise only adds to them."""
    commands = import_commands(('mmengine', 'fer_ssl'))
    seconds = compare_startup(commands, 3)
    mmengine, own = (min(x) for x in seconds.values())
    assert own - mmengine < 0.3


@pytest.mark.parametrize('module', ['torch', 'mmpretrain', 'mmaction', 'cv2'])
def test_import_skips_heavy_modules(module):
    """fer_ssl imports a heavy module only if mmengine does so itself."""

    def loaded(package):
        code = f'import {package}, sys; print({module!r} in sys.modules)'
        return subprocess.check_output([sys.executable, '-c', code], text=True)

    assert loaded('fer_ssl') == loaded('mmengine')


def test_failed_command():
    command = [sys.executable, '-c', 'raise SystemExit("no such luck")']
    with pytest.raises(RuntimeError, match='no such luck'):
        compare_startup({'a': command}, 1)


def test_rows():
    table = startup_rows({'a': [1.0, 2.0, 3.0], 'b': [4.0, 2.5, 9.0]})
    assert table[0]['more_than_first'] == '0.00'
    assert table[1] == dict(
        command='b',
        processor_s='4.00',
        min='2.50',
        max='9.00',
        more_than_first='2.00',
    )


def test_tool(tmp_path, run_tool):
    run_tool('startup.py', '--rounds=1 --iteration=2 --out=table.csv')
    with open(tmp_path / 'table.csv', newline='') as file:
        table = list(csv.DictReader(file))
    assert [row['command'] for row in table] == [
        'import mmengine',
        'import fer_ssl',
        'import mmpretrain.models',
        'train one iteration',
        'resume at 2 and train one iteration',
    ]
    times = [float(row['processor_s']) for row in table]
    assert min(times) > 0
    assert times[3] > times[1]
