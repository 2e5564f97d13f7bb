"""The script reports errors plainly, and works with its defaults."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from tests.helpers.drawn_face import draw_face
from tests.helpers.tiny_networks import classifier, write_checkpoint

pytest.importorskip('av')

from tests.helpers.video_files import gray, write_frames  # noqa: E402

ROOT = Path(__file__).parents[2]
TOOL = 'python {tools}/predict.py'


@pytest.fixture(scope='module')
def files(folder):
    write_frames(folder / 'clip.mp4', [gray(50)] * 8)
    write_checkpoint(folder / 'tiny.pth', classifier())
    rows = ''.join(f'{t},5,5,40,40\n' for t in range(1, 9))
    (folder / 'boxes.csv').write_text('frame,left,top,right,bottom\n' + rows)
    cv2.imwrite(str(folder / 'a face.png'), draw_face())
    cv2.imwrite(str(folder / 'wall.png'), draw_face()[:40, :40])
    return folder


@pytest.mark.parametrize('tool', ['predict', 'predict_video'])
def test_outputs_of_a_video(call, files, tool):
    text = call(
        f'python {{tools}}/{tool}.py clip.mp4 --checkpoint tiny.pth '
        '--boxes boxes.csv --out-dir o'
    )
    assert 'clip: 8 frames, 1 face\n' in text
    assert 'face 1, 0.0 to 0.7 s: ' in text
    for name in ('predictions.csv', 'timeline.png', 'overlay.mp4'):
        assert (files / 'o' / name).stat().st_size
        assert f'o/{name}' in text


def test_default_network_and_detector(call, files):
    """No file is given: the package has a network and a face detector."""
    text = call(f"{TOOL} clip.mp4 'a face.png' --out-dir own --no-overlay")
    assert 'clip: 8 frames, 0 faces' in text
    assert re.search(r'a face\.png: \w+ \d+%\nown/predictions\.csv', text)
    head, *rows = (files / 'own/clip/predictions.csv').read_text().splitlines()
    assert 'neutral,happiness,surprise,sadness,anger,disgust' in head
    assert len(rows) == 9 and rows[-1] == ''  # an empty line marks the end


def test_list_on_standard_input(files):
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/predict.py', '-', '--out-dir', 'in'],
        input='a face.png\n\nwall.png\nnone.png\n',
        capture_output=True,
        text=True,
        cwd=files,
    )
    assert done.returncode == 1
    assert 'warning: none.png: no such file or folder' in done.stderr
    assert 'wall.png: no face\n' in done.stdout
    names = sorted(x.name for x in (files / 'in/overlay').iterdir())
    assert names == ['a face.jpg', 'wall.jpg']


@pytest.mark.parametrize(
    'arguments, problem',
    [
        ('none.mp4 --checkpoint tiny.pth', 'none.mp4: no such file or folder'),
        ('clip.mp4 --checkpoint none.pth', 'checkpoint none.pth does not'),
        ('boxes.csv --checkpoint tiny.pth', 'boxes.csv: neither an image nor'),
        ('clip.mp4 --batch-size 0', 'batch_size=0: must be positive'),
        ('clip.mp4 --device gpu', "device 'gpu' cannot be used: "),
        ('clip.mp4 --window -1', 'window must be a number of frames'),
        (
            'clip.mp4 --checkpoint tiny.pth --out-dir clip.mp4',
            'clip.mp4 cannot be used as the folder of the results',
        ),
    ],
)
def test_errors(call, files, arguments, problem):
    text = call(f'{TOOL} --boxes boxes.csv --out-dir o {arguments}', status=1)
    assert f'error: {problem}' in text and 'Traceback' not in text


def test_arguments_of_the_detector(call, files):
    text = call(f'{TOOL} clip.mp4 --out-dir o --min-score 2', status=1)
    assert 'error: min_score=2.0: must be in [0, 1]' in text
    text = call(f'{TOOL} clip.mp4', status=2)
    assert 'give either --out-dir or --live' in text


def test_ctrl_c_keeps_what_is_done(files, tmp_path):
    """The images that were predicted before are in the table."""
    for i in range(2000):
        os.link(files / 'a face.png', tmp_path / f'{i:04}.png')
    log = tmp_path / 'log.txt'
    with open(log, 'w') as file:
        process = subprocess.Popen(
            [
                *(sys.executable, str(ROOT / 'tools/predict.py')),
                *(str(tmp_path), '--out-dir', str(tmp_path / 'o')),
                '--no-overlay',
            ],
            stdout=file,
            stderr=file,
            env=dict(os.environ, PYTHONUNBUFFERED='1', OMP_NUM_THREADS='1'),
            # A shell starts jobs in the background with SIGINT ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    end = time.monotonic() + 120
    while '0032.png' not in log.read_text():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    text = log.read_text()
    assert 'Traceback' not in text
    rows = (tmp_path / 'o/predictions.csv').read_text().splitlines()
    assert 33 < len(rows) < 2001 and rows[-1]
