import cv2
import numpy as np
import pytest
from PIL import Image

from fer_ssl.media import image_limit
from fer_ssl.media.read_image import IMAGE_TYPES, read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


@pytest.mark.parametrize('name', ['a.png', 'a.bmp', 'a.tif', 'a.b.ppm'])
def test_lossless_formats(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(PIXELS).save(path)
    np.testing.assert_array_equal(read_image(str(path)), PIXELS[..., ::-1])
    assert path.suffix[1:] in IMAGE_TYPES


@pytest.mark.parametrize('mode', ['L', 'RGBA', 'P', '1', 'I;16'])
def test_all_modes_become_bgr(tmp_path, mode):
    image = Image.fromarray(PIXELS)
    if mode == 'I;16':
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    image.save(tmp_path / 'a.png')
    read = read_image(str(tmp_path / 'a.png'))
    assert (read.shape, read.dtype) == ((6, 9, 3), np.uint8)
    if mode == 'I;16':
        np.testing.assert_array_equal(read[..., 1], PIXELS[..., 0])


def test_exif_orientation(tmp_path):
    image = Image.fromarray(np.arange(32, dtype=np.uint8).reshape(8, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # rotate clockwise
    image.save(tmp_path / 'a.jpg', exif=exif, quality=100)
    read = read_image(str(tmp_path / 'a.jpg'))
    assert read.shape == (4, 8, 3)
    assert read[0, 0, 0] > read[0, -1, 0] + 20


def test_unreadable_files(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    for content, reason in (
        (b'', 'empty'),
        (b'no image' * 9, 'format'),
        (b'<html>login</html>', 'web page'),
        (cv2.imencode('.png', PIXELS)[1].tobytes()[:40], 'decoded'),
    ):
        path.write_bytes(content)
        with pytest.raises(OSError, match=reason):
            read_image(str(path))
    Image.fromarray(PIXELS).save(path)
    monkeypatch.setenv(image_limit.VARIABLE, '50')
    with pytest.raises(OSError, match='9 x 6 pixels, more than'):
        read_image(str(path))
