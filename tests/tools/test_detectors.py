"""The comparison of face detectors, whether or not others are installed."""

import cv2
import numpy as np

from tests.helpers.drawn_face import draw_face

PEERS = ('haar', 'mtcnn', 'mediapipe')


def test_comparison(call, folder):
    (folder / 'photos').mkdir()
    cv2.imwrite(str(folder / 'photos/a.png'), draw_face())
    cv2.imwrite(str(folder / 'photos/b.png'), np.zeros((90, 80, 3), np.uint8))
    command = 'python {tools}/benchmark/detectors.py photos --peers others'
    text = call(f'{command} --out table.md')
    table = (folder / 'table.md').read_text()
    assert table in text
    assert '| yunet | photos | 1 of 2 | 1 | ' in table
    for name in PEERS:
        install = f'`pip install --no-deps --target {folder / "others" / name}'
        assert f'| {name} |' in table or (
            f'{name} is not measured (' in text and install in text
        )


def test_errors(call, folder):
    command = 'python {tools}/benchmark/detectors.py'
    text = call(f'{command} none.mp4', status=1)
    assert 'error: none.mp4: no such file or folder.' in text
    assert '--every 0: must be' in call(f'{command} a --every 0', status=2)
