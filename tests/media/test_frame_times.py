"""Times of frames in many containers, decoded and by the container alone."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('av')

from fer_ssl.media.frame_times import frame_times  # noqa: E402
from fer_ssl.media.video_file import VideoFile  # noqa: E402
from tests.helpers.sound_files import tone, write_wav  # noqa: E402
from tests.helpers.video_files import gray, write_frames  # noqa: E402

NUM_FRAMES = 40
CONSTANT = np.arange(NUM_FRAMES) / 10
VARIABLE = np.append(CONSTANT[:20] / 4, 0.5 + CONSTANT[:20])
B_FRAMES = dict(preset='fast', bf='3', **{'x264-params': 'b-adapt=0'})


def moving(count=NUM_FRAMES):
    """Frames whose gray level tells their number."""
    return [gray(6 * i) for i in range(count)]


def check(path, expected):
    video = VideoFile(str(path))
    frames = list(video)
    assert video.problems == []
    levels = [x.image.mean() / 6 for x in frames]
    np.testing.assert_allclose(levels, np.arange(len(frames)), atol=0.9)
    found = [x.time for x in frames]
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(frame_times(str(path)), found, atol=1e-9)


@pytest.mark.parametrize('kind', ['avi', 'asf', 'mp4', 'mov', 'mkv', 'flv'])
@pytest.mark.parametrize(
    'options',
    [
        B_FRAMES,
        dict(B_FRAMES, **{'x264-params': 'b-adapt=0:b-pyramid=none'}),
        dict(B_FRAMES, **{'x264-params': 'b-adapt=0:open-gop=1:keyint=8'}),
        dict(bf='0'),
    ],
    ids=['pyramid', 'flat', 'open', 'none'],
)
def test_frames_in_another_order_than_packets(tmp_path, kind, options):
    path = tmp_path / f'a.{kind}'
    write_frames(path, moving(), **options)
    check(path, CONSTANT)


@pytest.mark.parametrize(
    ('name', 'codec'),
    [
        ('a.avi', ('mpeg4', 'yuv420p')),
        ('a.avi', ('mjpeg', 'yuvj420p')),
        ('a.wmv', ('wmv2', 'yuv420p')),
        ('a.gif', ('gif', 'gray')),
        ('a.webm', ('libvpx-vp9', 'yuv420p')),
        ('a.h264', ('libx264', 'yuv420p')),
    ],
)
def test_other_codecs(tmp_path, name, codec):
    path = tmp_path / name
    write_frames(path, moving(), codec=codec, bf='0', preset='fast')
    step = 1 / 25 if name == 'a.h264' else 1 / 10  # no times in the file
    check(path, np.arange(NUM_FRAMES) * step)


@pytest.mark.parametrize('kind', ['mp4', 'mov', 'mkv', 'ts', 'flv'])
@pytest.mark.parametrize('first', [0.0, 0.7])
def test_variable_frame_rate_with_b_frames(tmp_path, kind, first):
    path = tmp_path / f'a.{kind}'
    write_frames(path, moving(), first + VARIABLE, **B_FRAMES)
    check(path, VARIABLE)


def test_frames_before_an_edit_list_are_no_frames(tmp_path):
    path = tmp_path / 'a.mp4'
    write_frames(path, moving(), CONSTANT - 0.2, **B_FRAMES)
    video = VideoFile(str(path))
    frames = list(video)
    assert len(frames) == NUM_FRAMES - 2 and video.problems == []
    np.testing.assert_allclose(frame_times(str(path)), CONSTANT[:-2])


def test_hidden_frames_of_vp8(tmp_path):
    """They are packets, but not frames."""
    path = tmp_path / 'a.webm'
    options = {'auto-alt-ref': '1', 'lag-in-frames': '16'}
    write_frames(path, moving(), codec=('libvpx', 'yuv420p'), **options)
    check(path, CONSTANT)


def test_a_lost_packet_does_not_shift_the_rest(tmp_path):
    path = tmp_path / 'a.avi'
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (NUM_FRAMES, 64, 96, 3), dtype=np.uint8)
    write_frames(path, images, **dict(B_FRAMES, g='10'))
    whole = {x.time: x.image for x in VideoFile(str(path))}
    data = bytearray(path.read_bytes())
    begin = len(data) // 4
    data[begin : begin + 3000] = bytes(3000)
    path.write_bytes(data)
    last = list(VideoFile(str(path)))[-1]
    assert np.array_equal(whole[last.time], last.image)


def test_one_warning_for_all_jumps(tmp_path):
    path = Path(write_frames(tmp_path / 'a.ts', moving(), **B_FRAMES))
    path.write_bytes(path.read_bytes() * 4)
    video = VideoFile(str(path))
    found = [x.time for x in video]
    np.testing.assert_allclose(found, np.arange(4 * NUM_FRAMES) / 10)
    (problem,) = video.problems
    assert 'jump back 3 times, first at frame 41;' in problem
    np.testing.assert_allclose(frame_times(str(path)), found)


def test_what_has_no_frames(tmp_path):
    write_wav(tmp_path / 'a.wav', tone(0.1))
    with pytest.raises(ValueError, match='a.wav: there is no video'):
        frame_times(str(tmp_path / 'a.wav'))
