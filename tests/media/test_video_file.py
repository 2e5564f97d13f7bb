from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

pytest.importorskip('av')

from fer_ssl.media.frame_times import frame_times  # noqa: E402
from fer_ssl.media.open_media import open_media  # noqa: E402
from fer_ssl.media.sound_track import (  # noqa: E402
    media_info,
    read_sound_track,
)
from fer_ssl.media.video_file import VideoFile  # noqa: E402
from tests.helpers.sound_files import tone, write_aac, write_wav  # noqa: E402
from tests.helpers.video_files import (  # noqa: E402
    MIRROR,
    TURN_AROUND,
    TURN_LEFT,
    TURN_RIGHT,
    corners,
    gray,
    write_frames,
)


def noise(count, size=(64, 96)):
    """Frames that cannot be compressed, so that damage hits some."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(0, 256, (*size, 3), dtype=np.uint8)


def test_all_frames_in_order_twice(tmp_path):
    path = write_frames(
        tmp_path / 'a.b.mp4', [gray(20 * i) for i in range(10)]
    )
    video = VideoFile(path)
    assert (video.name, video.num_frames) == ('a.b', 10)
    for _ in range(2):
        frames = list(video)
        assert [x.number for x in frames] == list(range(1, 11))
        levels = [x.image.mean() for x in frames]
        np.testing.assert_allclose(levels, np.arange(0, 200, 20), atol=3)
        np.testing.assert_allclose(
            [x.time for x in frames], np.arange(10) / 10, atol=1e-3
        )
        assert video.problems == []


def test_times_of_a_variable_frame_rate(tmp_path):
    times = [0.0, 0.04, 0.5, 0.52, 2.0, 2.033, 2.9]
    path = write_frames(tmp_path / 'a.mkv', [gray(9)] * 7, times)
    np.testing.assert_allclose([x.time for x in VideoFile(path)], times)


def test_times_that_jump_back(tmp_path):
    """As in concatenated files."""
    times = [0.0, 0.04, 0.08, 0.12]
    path = Path(write_frames(tmp_path / 'a.ts', [gray(9)] * 4, times))
    path.write_bytes(path.read_bytes() * 2)
    video = VideoFile(str(path))
    found = [x.time for x in video]
    assert len(found) == 8
    assert (np.diff(found) > 0).all()
    jumps = [x for x in video.problems if 'jump back at frame 5' in x]
    assert len(jumps) == 1


def test_name_with_a_colon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_frames(tmp_path / '12:30.mp4', [gray(9)] * 3)
    assert len(list(VideoFile('12:30.mp4'))) == 3


def test_times_count_from_the_first_frame(tmp_path):
    times = [1.5, 1.6, 1.8]
    path = write_frames(tmp_path / 'a.mkv', [gray(9)] * 3, times)
    video = VideoFile(path)
    np.testing.assert_allclose([x.time for x in video], [0, 0.1, 0.3])


@pytest.mark.parametrize(
    'matrix, change',
    [
        (TURN_RIGHT, lambda x: np.rot90(x, -1)),
        (TURN_LEFT, np.rot90),
        (TURN_AROUND, lambda x: np.rot90(x, 2)),
        (MIRROR, np.fliplr),
    ],
)
def test_display_matrix(tmp_path, matrix, change):
    path = write_frames(tmp_path / 'a.mp4', [corners()] * 3, matrix=matrix)
    expected = change(corners())[..., ::-1].astype(int)
    for frame in VideoFile(path):
        assert frame.image.shape == expected.shape
        assert frame.image.flags['C_CONTIGUOUS']
        assert np.abs(frame.image - expected).mean() < 8


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_of_jpeg(tmp_path, orientation):
    """PyAV cannot list the side data of such a frame."""
    path = tmp_path / 'a.jpg'
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = 'maker'
    Image.fromarray(corners()).save(path, quality=95, exif=exif)
    expected = np.array(ImageOps.exif_transpose(Image.open(path)))
    for name, count in (('a.jpg', 1), ('a.mjpeg', 3)):
        (tmp_path / name).write_bytes(path.read_bytes() * count)
        frames = list(VideoFile(str(tmp_path / name)))
        assert len(frames) == count
        for frame in frames:
            assert frame.image.shape == expected.shape
            difference = frame.image - expected[..., ::-1].astype(int)
            assert np.abs(difference).mean() < 8


def test_exif_of_transparent_png(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = 'maker'
    image = Image.fromarray(corners())
    image.convert('RGBA').save(tmp_path / 'a.png', exif=exif)
    (frame,) = VideoFile(str(tmp_path / 'a.png'))
    assert np.array_equal(frame.image, corners()[..., ::-1])


@pytest.mark.parametrize('kind', ['mp4', 'mkv'])
def test_cover_in_front_of_the_video(tmp_path, kind):
    images = [gray(20 * i) for i in range(10)]
    path = write_frames(tmp_path / f'a.{kind}', images, cover=gray(250))
    with open_media(path, '') as media:
        assert media.streams.video[0].codec_context.name == 'mjpeg'
    video = VideoFile(path)
    levels = [x.image.mean() for x in video]
    np.testing.assert_allclose(levels, np.arange(0, 200, 20), atol=3)
    assert video.num_frames == (10 if kind == 'mp4' else None)
    assert media_info(path).fps == 10
    np.testing.assert_allclose(frame_times(path), np.arange(10) / 10)


def test_title_that_is_not_utf_8(tmp_path):
    path = Path(write_frames(tmp_path / 'a.mkv', [gray(9)] * 3))
    written = path.read_bytes()  # with the tag ENCODER=Lavf
    path.write_bytes(written.replace(b'Lavf', b'\xff\xfe\xfd\xfc'))
    assert path.read_bytes() != written
    assert len(list(VideoFile(str(path)))) == 3


@pytest.mark.parametrize('version, has_option', [('18.1', 1), ('19.0.2', 0)])
def test_option_that_pyav_19_lacks(monkeypatch, version, has_option):
    av = pytest.importorskip('av')
    monkeypatch.setattr(av, '__version__', version)
    monkeypatch.setattr(av, 'open', lambda path, **options: options)
    assert ('metadata_errors' in open_media('a.mp4', '')) is bool(has_option)


def test_sound_with_a_cover_is_no_video(tmp_path):
    path = tmp_path / 'a.mp4'
    write_aac(path, tone(0.5), cover=gray(250))
    with pytest.raises(ValueError, match='a.mp4: there is no video'):
        VideoFile(str(path))
    assert media_info(str(path)) == (True, None, None)
    assert len(read_sound_track(str(path), 16000)) >= 8000


def test_late_video_is_complete(tmp_path):
    times = 0.7 + np.arange(10) / 10
    video = VideoFile(write_frames(tmp_path / 'a.mkv', [gray(9)] * 10, times))
    assert len(list(video)) == 10 and video.problems == []


def test_rotation_as_pyav_understands_it(tmp_path):
    av = pytest.importorskip('av')
    path = write_frames(tmp_path / 'a.mp4', [gray(9)], matrix=TURN_LEFT)
    with av.open(path) as media:
        frame = next(media.decode(video=0))
    assert frame.rotation == 90  # counter-clockwise


def test_truncated_avi(tmp_path):
    """Its duration is that of the bytes that are left."""
    images = np.random.default_rng(0).integers(0, 255, (30, 64, 96, 3))
    path = write_frames(tmp_path / 'a.avi', images.astype(np.uint8))
    video = VideoFile(path)
    assert len(list(video)) == 30 and video.problems == []
    content = open(path, 'rb').read()
    open(path, 'wb').write(content[: len(content) // 2])
    video = VideoFile(path)
    count = len(list(video))
    (problem,) = [x for x in video.problems if 'header' in x]
    assert 0 < count < 25
    assert f'a.avi: {count} of the 30 frames that its header' in problem


def test_truncated_file(tmp_path):
    path = tmp_path / 'a.mkv'
    write_frames(path, noise(60), g='5')
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    video = VideoFile(str(path))
    frames = list(video)
    assert 15 < len(frames) < 45
    assert [x.number for x in frames] == list(range(1, len(frames) + 1))
    (*_, problem) = video.problems
    assert str(path) in problem and 'of 6.00 seconds' in problem


def test_file_damaged_in_the_middle(tmp_path):
    path = tmp_path / 'a.mkv'
    write_frames(path, noise(60), g='5')
    data = bytearray(path.read_bytes())
    begin = len(data) // 2
    data[begin : begin + 2000] = bytes(2000)
    path.write_bytes(data)
    video = VideoFile(str(path))
    frames = list(video)
    assert len(frames) > 20
    assert video.problems and str(path) in video.problems[0]
    # Frames after the damage keep their own times.
    whole = tmp_path / 'b.mkv'
    write_frames(whole, noise(60), g='5')
    images = {round(x.time, 3): x.image for x in VideoFile(str(whole))}
    last = frames[-1]
    if last.time > 5:
        assert np.array_equal(images[round(last.time, 3)], last.image)


def test_files_that_are_not_videos(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'a\.mp4: no such file'):
        VideoFile(str(tmp_path / 'a.mp4'))
    (tmp_path / 'a.mp4').write_bytes(b'no video' * 100)
    with pytest.raises(ValueError, match=r'a\.mp4: neither a video'):
        VideoFile(str(tmp_path / 'a.mp4'))
    write_wav(tmp_path / 'a.wav', tone(0.1))
    with pytest.raises(ValueError, match='there is no video in this file'):
        VideoFile(str(tmp_path / 'a.wav'))


def test_video_without_any_frame(tmp_path):
    path = tmp_path / 'a.mp4'
    write_frames(path, noise(3))
    data = bytearray(path.read_bytes())
    begin = data.index(b'mdat') + 4
    end = data.index(b'moov') - 4
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)
    with pytest.raises(ValueError, match='not a single frame can be decoded'):
        list(VideoFile(str(path)))
