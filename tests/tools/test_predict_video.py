"""The script reports errors plainly, and works with its defaults."""

import pytest

from tests.helpers.tiny_networks import classifier, write_checkpoint

pytest.importorskip('av')

from tests.helpers.video_files import gray, write_frames  # noqa: E402

TOOL = 'python {tools}/predict_video.py'


@pytest.fixture(scope='module')
def files(folder):
    write_frames(folder / 'clip.mp4', [gray(50)] * 8)
    write_checkpoint(folder / 'tiny.pth', classifier())
    rows = ''.join(f'{t},5,5,40,40\n' for t in range(1, 9))
    (folder / 'boxes.csv').write_text('frame,left,top,right,bottom\n' + rows)
    return folder


def test_outputs_of_a_video(call, files):
    text = call(
        f'{TOOL} clip.mp4 --checkpoint tiny.pth --boxes boxes.csv --out-dir o'
    )
    assert 'clip: 8 frames, 1 face\n' in text
    assert 'face 1, 0.0 to 0.7 s: ' in text
    for name in ('predictions.csv', 'timeline.png', 'overlay.mp4'):
        assert (files / 'o' / name).stat().st_size
        assert f'o/{name}' in text


def test_default_network_and_detector(call, files):
    """No file is given: the package has a network and a face detector."""
    text = call(f'{TOOL} clip.mp4 --out-dir own --no-overlay')
    assert 'clip: 8 frames, 0 faces' in text
    head, *rows = (files / 'own/predictions.csv').read_text().splitlines()
    assert 'neutral,anger,happiness,sadness,surprise' in head
    assert len(rows) == 9 and rows[-1] == ''  # an empty line marks the end


@pytest.mark.parametrize(
    'arguments, problem',
    [
        ('none.mp4 --checkpoint tiny.pth', 'none.mp4: no such file or folder'),
        ('clip.mp4 --checkpoint none.pth', 'checkpoint none.pth does not'),
        ('boxes.csv --checkpoint tiny.pth', 'boxes.csv: '),
        (
            'clip.mp4 --checkpoint tiny.pth --out-dir clip.mp4',
            'clip.mp4 cannot be used as the folder of the results',
        ),
    ],
)
def test_errors(call, files, arguments, problem):
    text = call(f'{TOOL} --boxes boxes.csv --out-dir o {arguments}', status=1)
    assert f'error: {problem}' in text and 'Traceback' not in text
