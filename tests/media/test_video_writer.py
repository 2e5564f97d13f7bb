import cv2
import numpy as np
import pytest

pytest.importorskip('av')

from fer_ssl.media import video_writer  # noqa: E402
from fer_ssl.media.video_file import VideoFile  # noqa: E402
from fer_ssl.media.video_writer import (  # noqa: E402
    VideoWriter,
    record_camera,
)
from tests.helpers.video_files import corners, gray  # noqa: E402


def test_frames_and_times_come_back(tmp_path):
    path = str(tmp_path / 'sub/a.mp4')
    times = [0, 0.04, 0.5, 0.52, 2.0]
    image = np.ascontiguousarray(corners()[..., ::-1])
    with VideoWriter(path, 12.5) as writer:
        for time in times:
            writer.write(image, time)
    frames = list(VideoFile(path))
    np.testing.assert_allclose([x.time for x in frames], times, atol=1e-4)
    for frame in frames:
        assert np.abs(frame.image - image.astype(int)).mean() < 8


def test_equal_times_and_sizes_that_change(tmp_path):
    path = str(tmp_path / 'a.mp4')
    with VideoWriter(path) as writer:
        writer.write(gray(200, (65, 97)), 0)
        writer.write(gray(200, (32, 32)), 0)
    first, second = VideoFile(path)
    assert first.image.shape == second.image.shape == (64, 96, 3)
    assert first.time < second.time < 0.01
    assert abs(second.image.mean() - 200) < 5


def test_without_a_frame_there_is_no_file(tmp_path):
    with VideoWriter(str(tmp_path / 'a.mp4')):
        pass
    assert not (tmp_path / 'a.mp4').exists()


class Camera:
    """A webcam with four frames; Ctrl-C when ``interrupt`` are left."""

    def __init__(self, is_there=True, count=4, interrupt=None):
        self.is_there, self.count, self.interrupt = is_there, count, interrupt
        self.released = False

    def isOpened(self):  # noqa: N802
        return self.is_there

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
    def use(camera):
        clock = iter(np.arange(100) / 4)
        monkeypatch.setattr(cv2, 'VideoCapture', lambda number: camera)
        monkeypatch.setattr(video_writer.time, 'monotonic', clock.__next__)
        return camera

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
    camera = use(Camera(**options))
    path = str(tmp_path / 'webcam.mp4')
    record_camera(0, path, seconds)
    np.testing.assert_allclose(
        [x.time for x in VideoFile(path)], expected, atol=1e-4
    )
    assert camera.released


def test_no_camera(tmp_path, use):
    path = str(tmp_path / 'a.mp4')
    use(Camera(is_there=False))
    with pytest.raises(ValueError, match='webcam 3 cannot be opened'):
        record_camera(3, path)
    use(Camera(count=0))
    with pytest.raises(ValueError, match='webcam 0 gives no frames'):
        record_camera(0, path)
