import cv2
import numpy as np
import pytest

pytest.importorskip('av')

from fer_ssl.media import camera  # noqa: E402
from fer_ssl.media.camera import record_camera  # noqa: E402
from fer_ssl.media.video_file import VideoFile  # noqa: E402
from tests.helpers.video_files import gray  # noqa: E402


class FakeCapture:
    """A webcam with four frames; Ctrl-C when ``interrupt`` are left."""

    def __init__(self, is_there=True, count=4, interrupt=None):
        self.is_there, self.count, self.interrupt = is_there, count, interrupt
        self.released = False

    def isOpened(self):  # noqa: N802
        return self.is_there

    def set(self, key, value):
        assert (key, value) == (cv2.CAP_PROP_BUFFERSIZE, 1)

    def get(self, key):
        return 10.0 if key == cv2.CAP_PROP_FPS else 0.0

    def read(self):
        if self.interrupt == self.count:
            raise KeyboardInterrupt
        self.count -= 1
        return self.count >= 0, gray(50)

    def release(self):
        self.released = True


@pytest.fixture
def use(monkeypatch):
    def use(capture):
        clock = iter(np.arange(100) / 4)
        monkeypatch.setattr(cv2, 'VideoCapture', lambda number: capture)
        monkeypatch.setattr(camera.time, 'monotonic', clock.__next__)
        return capture

    return use


@pytest.mark.parametrize(
    'options, seconds, expected',
    [
        (dict(), None, [0, 0.25, 0.5, 0.75]),
        (dict(), 0.5, [0, 0.25, 0.5]),
        (dict(interrupt=2), None, [0, 0.25]),
    ],
)
def test_recording(tmp_path, use, options, seconds, expected):
    capture = use(FakeCapture(**options))
    path = str(tmp_path / 'webcam.mp4')
    record_camera(0, path, seconds)
    np.testing.assert_allclose(
        [x.time for x in VideoFile(path)], expected, atol=1e-4
    )
    assert capture.released


def test_no_camera(tmp_path, use):
    path = str(tmp_path / 'a.mp4')
    use(FakeCapture(is_there=False))
    with pytest.raises(ValueError, match='webcam 3 cannot be opened'):
        record_camera(3, path)
    use(FakeCapture(count=0))
    with pytest.raises(ValueError, match='webcam 0 gives no frames'):
        record_camera(0, path)
    with pytest.raises(ValueError, match='seconds=0: must be positive'):
        record_camera(0, path, 0)
