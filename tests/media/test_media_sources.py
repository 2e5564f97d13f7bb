import shutil
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip('av')

from fer_ssl.media.media_sources import list_sources  # noqa: E402
from tests.helpers.video_files import gray, write_frames  # noqa: E402

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def kinds(inputs):
    return [(x.kind, x.name) for x in list_sources(inputs)]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'my files'
    video = write_frames(folder / 'b.mp4', [gray(9)])
    shutil.copy(video, folder / 'a.MOV')
    shutil.copy(video, folder / '.hidden.mp4')
    shutil.copy(video, folder / 'killed.part.mp4')
    cv2.imwrite(str(folder / 'c.png'), PIXELS)
    (folder / 'notes.txt').write_text('no video')
    (folder / 'folder.mp4').mkdir()  # a NAS keeps thumbnails in such
    (folder / 'sub').mkdir()
    cv2.imwrite(str(folder / 'sub/d.png'), PIXELS)
    return folder


def test_folder(folder):
    with patch('fer_ssl.media.media_sources.warn_once') as warn:
        found = kinds(folder)
    assert found == [
        ('video', str(folder / 'a.MOV')),
        ('video', str(folder / 'b.mp4')),
        ('image', str(folder / 'c.png')),
    ]
    (message,), _ = warn.call_args
    assert 'not read as images or videos: 1 .txt.' in message
    assert 'Its 2 subfolders are not searched; name a pattern' in message


def test_files_and_patterns(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert kinds('b.mp4') == [('video', 'b.mp4')]
    assert kinds('*.mp4') == [('video', 'b.mp4')]
    assert kinds(['**/*.png', Path('b.mp4')]) == [
        ('image', 'c.png'),
        ('image', 'sub/d.png'),
        ('video', 'b.mp4'),
    ]
    shutil.copy('c.png', 'photo [1].png')  # a name that is a pattern, too
    assert kinds('photo [1].png') == [('image', 'photo [1].png')]


def test_kind_without_a_known_extension(folder):
    shutil.copy(folder / 'c.png', folder / 'image')
    shutil.copy(folder / 'b.mp4', folder / 'video.dat')
    assert [kind for kind, _ in kinds([folder / 'image'])] == ['image']
    assert [kind for kind, _ in kinds([folder / 'video.dat'])] == ['video']
    with pytest.raises(ValueError, match='notes.txt: neither an image nor a'):
        list_sources(str(folder / 'notes.txt'))


def test_webcams(tmp_path, monkeypatch):
    assert kinds(0) == kinds('0') == [('webcam', 'webcam_0')]
    assert list_sources('2')[0].place == 2
    write_frames(tmp_path / '2024/a.mp4', [gray(9)])
    monkeypatch.chdir(tmp_path)  # a folder may be named by digits
    assert kinds('2024') == [('video', str(Path('2024', 'a.mp4')))]


def test_arrays():
    for array in (
        PIXELS,
        np.dstack([PIXELS, PIXELS[..., :1]]),
        Image.fromarray(PIXELS[..., ::-1]),
    ):
        (source,) = list_sources(array)
        assert (source.kind, source.name) == ('image', 'array_1')
        np.testing.assert_array_equal(source.read(), PIXELS)
    (source,) = list_sources(PIXELS[..., 0])
    np.testing.assert_array_equal(source.read(), PIXELS[..., :1].repeat(3, 2))
    found = kinds([PIXELS, np.stack([PIXELS] * 2)])
    assert [x for _, x in found] == ['array_1', 'array_2_1', 'array_2_2']


@pytest.mark.parametrize(
    'wrong, message',
    [
        ('none', 'none: no such file or folder. Name an image, a video'),
        ('*.xyz', 'no file matches'),
        ('https://example.org/a.mp4', 'URLs are not supported'),
        (PIXELS.astype(float), r'array_1: an array float64 \(6, 9, 3\)'),
        (PIXELS[..., :2], 'array_1: .* is not an image'),
        (PIXELS[0, 0], 'is not an image'),
        (PIXELS[:0], 'is not an image'),
        (3.5, 'input 1 is of type float'),
        (None, 'input 1 is of type NoneType'),
        ([], 'no image, video or webcam was named'),
    ],
)
def test_wrong_inputs(wrong, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        list_sources(wrong)
    if isinstance(wrong, list):
        return
    # Of several inputs, the others go on.
    good, bad = list_sources([PIXELS, wrong])
    assert good.problem == '' and bad.problem


def test_folder_without_media(tmp_path):
    (tmp_path / 'a.txt').touch()
    with pytest.raises(ValueError, match=r'no image and no .*: 1 \.txt\.$'):
        list_sources(str(tmp_path))


def test_unreadable_image(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'')
    (source,) = list_sources(str(tmp_path / 'a.png'))
    with pytest.raises(ValueError, match=r'a\.png: not a readable image \(an'):
        source.read()
