import re
import subprocess
import sys

import pytest

from fer_ssl.utils import progress as module
from fer_ssl.utils.progress import ProgressBar


def test_a_log_file_gets_a_line_per_tenth(capsys):
    with ProgressBar('Faces [x]', 13_682) as progress:
        assert list(progress.track(range(13_682))) == list(range(13_682))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith('Faces [x]: 1,369 of 13,682 (10 %)')
    assert lines[-1] == 'Faces [x]: 13,682 of 13,682 (100 %)'


def test_what_was_done_before_counts(capsys):
    with ProgressBar('Faces', 10, completed=8) as progress:
        progress.update(2)
    assert capsys.readouterr().err == 'Faces: 10 of 10 (100 %)\n'


def test_a_line_every_half_minute(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr(module.time, 'monotonic', lambda: next(clock, 99.0))
    monkeypatch.setattr(module, 'Progress', Untimed)
    with ProgressBar('Frames') as progress:
        for _ in range(4):
            progress.update(5)
    assert capsys.readouterr().err == 'Frames: 10\nFrames: 20\n'


class Untimed(module.Progress):
    def __init__(self, *columns, **options):
        super().__init__(*columns, get_time=lambda: 0.0, **options)


@pytest.mark.parametrize('show', [True, False])
def test_terminal(capsys, monkeypatch, show):
    monkeypatch.setenv('FORCE_COLOR', '1')
    monkeypatch.setenv('TERM', 'xterm')
    with ProgressBar('Faces', 3, show=show) as progress:
        list(progress.track('abc'))
    text = re.sub(r'\x1b\[[\d;?]*\w', '', capsys.readouterr().err)
    assert ('Faces' in text and '3/3' in text) is show
    assert ' of ' not in text


def test_left_in_the_middle():
    """An abandoned iterator must not stop the threads of another bar."""
    code = (
        'import gc\n'
        'from fer_ssl.utils.progress import ProgressBar\n'
        'gc.freeze()\n'  # or each of 2,000 collections goes through it all
        'for _ in range(20):\n'
        '    try:\n'
        '        with ProgressBar("Faces", 100) as bar:\n'
        '            items = bar.track(range(100))\n'
        '            next(items)\n'
        '            loop = [items]; loop.append(loop)\n'
        '            raise OSError\n'
        '    except OSError:\n'
        '        del items, loop\n'
        '    with ProgressBar("Faces", 100) as bar:\n'
        '        for _ in bar.track(range(100)):\n'
        '            gc.collect()\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        env={'FORCE_COLOR': '1', 'TERM': 'xterm'},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
