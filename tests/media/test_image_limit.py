"""Images above the size limit are refused by their headers everywhere."""

import io
import re
import struct
import time
import tracemalloc
import warnings
import zlib

import cv2
import mmcv
import numpy as np
import pytest
from hypothesis import given
from mmengine.registry import init_default_scope
from PIL import Image

from fer_ssl.data_preparation.check.examine_image import examine_image
from fer_ssl.data_preparation.face_cropper import (
    CropSettings,
    FaceCropper,
    list_sources,
)
from fer_ssl.data_preparation.muxspace_faces import prepare_muxspace_faces
from fer_ssl.datasets import FaceDataset, LoadClipFrames
from fer_ssl.media import image_limit
from fer_ssl.media.image_limit import (
    TooManyPixelsError,
    check_pixels,
    max_pixels,
    open_image,
)
from tests.helpers.annotation_fuzz import REPEATABLE, damaged

MESSAGE = '20000 x 20000 pixels, .* 100,000,000; .*set FER_SSL_MAX_PIXELS'


def bomb(width=20_000, height=20_000):
    """PNG of one bit per pixel, all of it black."""

    def chunk(kind, data):
        body = kind + data
        check = struct.pack('>I', zlib.crc32(body))
        return struct.pack('>I', len(data)) + body + check

    header = struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0)
    row = bytes(1 + (width + 7) // 8)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + chunk(b'IDAT', zlib.compress(row * height, 9))
        + chunk(b'IEND', b'')
    )


BOMB = bomb()


def encoded(extension, width=31, height=17, **kwargs):
    file = io.BytesIO()
    kind = dict(jpg='JPEG', pgm='PPM', tif='TIFF').get(extension, extension)
    Image.new('L', (width, height)).save(file, kind, **kwargs)
    return file.getvalue()


@pytest.mark.parametrize(
    'content',
    [
        *map(encoded, ('jpg', 'png', 'pgm', 'bmp', 'webp', 'tif', 'gif')),
        encoded('jpg', progressive=True),
        encoded(
            'jpg', comment='\xff\xc0' * 30, exif=b'Exif\0\0' + b'\xff' * 99
        ),
        encoded('jpg').replace(b'\xff\xc0', b'\xff\xff\xff\xc0'),
        encoded('pgm').replace(b'P5', b'P5 # 1 1'),
    ],
)
def test_size_is_that_of_the_header(monkeypatch, content):
    height, width = mmcv.imfrombytes(content).shape[:2]
    assert (width, height) == (31, 17)
    monkeypatch.setenv('FER_SSL_MAX_PIXELS', str(31 * 17))
    check_pixels(content)
    monkeypatch.setenv('FER_SSL_MAX_PIXELS', str(31 * 17 - 1))
    with pytest.raises(TooManyPixelsError, match='31 x 17 .*limit of 526;'):
        mmcv.imfrombytes(content)


@pytest.mark.parametrize('extension', ['jpg', 'png', 'pgm'])
def test_own_parsers_agree_with_the_decoder(monkeypatch, extension):
    """Even a damaged image is measured before it is decoded."""
    monkeypatch.setenv('FER_SSL_MAX_PIXELS', '100000')

    @REPEATABLE
    @given(damaged(encoded(extension)))
    def check(content):
        try:
            check_pixels(content)
        except OSError:
            return
        image = None
        if content:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), 1)
        assert image is None or image.size <= 3 * 100_000

    check()


@pytest.mark.parametrize(
    'content', [b'#?RADIANCE\n\n-Y 9 +X 9\n', b'P7\nWIDTH 9\n', b'text']
)
def test_formats_that_cannot_be_measured_are_refused(content):
    with pytest.raises(OSError, match='cannot identify its format'):
        check_pixels(content)


def test_the_variable(monkeypatch):
    for text, limit in (('', 10**8), ('7', 7)):
        monkeypatch.setenv('FER_SSL_MAX_PIXELS', text)
        assert max_pixels() == limit
    monkeypatch.setenv('FER_SSL_MAX_PIXELS', '1e9')
    with pytest.raises(ValueError, match="FER_SSL_MAX_PIXELS='1e9' is not a"):
        max_pixels()


@pytest.mark.parametrize('extension', ['tif', 'webp', 'png', 'jpg'])
def test_a_higher_limit_than_that_of_pillow(monkeypatch, extension):
    monkeypatch.setenv('FER_SSL_MAX_PIXELS', '1000000000')
    content = encoded(extension)
    monkeypatch.setattr(image_limit, '_size_in_header', lambda _: None)
    opened = image_limit.Image.open
    sizes = []

    def large(file):
        # Pillow's own check of an image of this size.
        image_limit.Image._decompression_bomb_check((20_000, 20_000))
        sizes.append(opened(file).size)
        return opened(file)

    monkeypatch.setattr(image_limit.Image, 'open', large)
    assert open_image(content).size == sizes[0] == (31, 17)


def test_fill_bytes_are_skipped_at_once():
    content = encoded('jpg')
    filled = content[:2] + b'\xff' * 10_000_000 + content[2:]
    start = time.perf_counter()
    assert image_limit._jpeg_size(filled) == image_limit._jpeg_size(content)
    assert time.perf_counter() < start + 0.5


@pytest.fixture
def faces(write_faces, tmp_path):
    init_default_scope('mmpretrain')
    rows = [(f'{i}.png', 'anger', 'train') for i in range(2)]
    config = write_faces(rows)
    (tmp_path / 'images/0.png').write_bytes(BOMB)
    steps = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    return dict(config, pipeline=steps)


def test_data_set(faces, monkeypatch):
    dataset = FaceDataset(**faces)
    dataset[1]
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf'0\.png: .*{MESSAGE}'):
        dataset[0]
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    dataset = FaceDataset(**faces, on_unreadable='skip')
    assert dataset[0]['data_samples'].img_path.endswith('1.png')
    assert dataset.num_unreadable == 1


def test_clips(faces, tmp_path):
    load = LoadClipFrames([dict(type='LoadImageFromFile')])
    path = str(tmp_path / 'images/0.png')
    with pytest.raises(ValueError, match=rf'0\.png: .*{MESSAGE}'):
        load(dict(img_paths=[path], video='a'))


def test_data_check(faces, tmp_path):
    path = str(tmp_path / 'images/0.png')
    problem, _ = examine_image(path, 'decode')
    assert re.match(f'too large: {MESSAGE}', problem)
    (tmp_path / 'images/0.png').write_bytes(bomb(10_000, 9_500))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert examine_image(path, 'decode')[0] == ''


def test_crops(faces, tmp_path, capsys):
    sources = list_sources(str(tmp_path / 'images'))
    cropper = FaceCropper(sources, str(tmp_path / 'out'), CropSettings())
    assert cropper.run() == {'unreadable': 1, 'no face': 1}
    assert ',0.png,,,,,,unreadable' in (tmp_path / 'out/faces.csv').read_text()


def test_faces_of_a_clone(tmp_path):
    for folder in ('data', 'images'):
        (tmp_path / 'clone' / folder).mkdir(parents=True)
    (tmp_path / 'clone/data/legend.csv').write_text(
        'user.id,image,emotion\n1,a_b_1.png,anger\n1,c_d_1.png,anger\n'
    )
    images = tmp_path / 'clone/images'
    (images / 'a_b_1.png').write_bytes(encoded('png'))
    (images / 'c_d_1.png').write_bytes(BOMB)
    report = prepare_muxspace_faces(tmp_path / 'clone', tmp_path / 'out')
    assert [row[0] for row in report.rows] == ['a_b_1.png']
    assert 'c_d_1.png' in report.notes['left out, too large'][0]
