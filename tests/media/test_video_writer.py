import numpy as np
import pytest

pytest.importorskip('av')

from fer_ssl.media.video_file import VideoFile  # noqa: E402
from fer_ssl.media.video_writer import VideoWriter  # noqa: E402
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
