import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_ssl.data_preparation import face_cropper
from fer_ssl.data_preparation.face_cropper import (
    CropSettings,
    FaceCropper,
    list_sources,
    make_detector,
)
from fer_ssl.datasets import FaceDataset
from fer_ssl.face_detection.cut_out import cut_out
from tests.helpers.drawn_face import draw_face
from tests.helpers.forked_script import run_script
from tests.helpers.tiny_detector import write_red_face_detector

TOOL = Path(__file__).parents[2] / 'tools/dataset/crop_faces.py'
RED, GRAY = (0, 0, 255), (90, 90, 90)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Detects a red square of 32 pixels as the center of a face of 64."""
    return write_red_face_detector(tmp_path_factory.mktemp('m') / 'red.onnx')


def draw(path, *corners, size=(320, 240), unit=32, color=RED):
    """Write a gray image with squares at (x, y)."""
    image = np.full((size[1], size[0], 3), GRAY, np.uint8)
    for x, y in corners:
        image[y : y + unit, x : x + unit] = color
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return image


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    draw(folder / 'one.png', (96, 64))
    draw(folder / 'sub/two.jpg', (32, 32), (192, 128))
    draw(folder / 'none.png')
    draw(folder / 'one.bmp', (160, 96))
    (folder / 'broken.jpg').write_bytes(b'no image')
    (folder / 'notes.txt').write_text('no image')
    return folder


def rows_of(out):
    with open(out / 'faces.csv', newline='') as file:
        return {
            row['image'] or row['source']: row for row in csv.DictReader(file)
        }


def box_of(row):
    return tuple(int(row[x]) for x in ('left', 'top', 'right', 'bottom'))


def files_of(out):
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob('*')
        if path.is_file()
    }


@pytest.mark.parametrize('processes', [1, 2])
def test_crops_and_manifest(photos, tmp_path, model, processes):
    out = tmp_path / 'out'
    settings = CropSettings(model, size=96, margin=0.25)
    sources = list_sources(str(photos))
    counts = FaceCropper(sources, str(out), settings, processes).run()
    assert counts == {'ok': 3, 'no face': 1, 'unreadable': 1}
    rows = rows_of(out)
    assert rows['one.png']['source'] == 'one.png'
    assert box_of(rows['one.png']) == (80, 48, 144, 112)
    assert float(rows['one.png']['score']) == pytest.approx(1, abs=0.01)
    assert rows['none.png']['status'] == 'no face'
    assert rows['broken.jpg']['status'] == 'unreadable'
    assert rows['broken.jpg']['left'] == rows['none.png']['image'] == ''
    # Does not overwrite one.png, a different image of the same name.
    assert rows['one.bmp.png']['source'] == 'one.bmp'
    assert box_of(rows['one.bmp.png']) == (144, 80, 208, 144)
    # 64 pixels with a margin of a quarter on each side give a crop of 96.
    crop = cv2.imread(str(out / 'images/one.png'))
    whole = cv2.imread(str(photos / 'one.png'))
    assert (crop == whole[32:128, 64:160]).all()
    crop = cv2.imread(str(out / 'images/sub/two.jpg'))
    assert crop.shape == (96, 96, 3)
    assert json.loads((out / 'settings.json').read_text())['margin'] == 0.25


def test_all_faces_of_an_image(photos, tmp_path, model):
    settings = CropSettings(model, faces='all')
    out = tmp_path / 'out'
    FaceCropper(list_sources(str(photos)), str(out), settings).run()
    rows = rows_of(out)
    boxes = {box_of(rows[f'sub/two_{i}.jpg']) for i in (0, 1)}
    assert boxes == {(16, 16, 80, 80), (176, 112, 240, 176)}
    assert 'one_0.png' in rows
    assert (out / 'images/sub/two_1.jpg').exists()


def test_folders_are_cropped_one_after_the_other(photos, tmp_path, model):
    """The faces of the first folder stay, including its last image."""
    settings = CropSettings(model, faces='all')
    out = tmp_path / 'out'
    FaceCropper(list_sources(str(photos)), str(out), settings).run()
    before = rows_of(out)
    other = tmp_path / 'other'
    draw(other / 'later.png', (96, 64))
    FaceCropper(list_sources(str(other)), str(out), settings).run()
    after = rows_of(out)
    assert after == {**before, 'later_0.png': after['later_0.png']}


def test_photographs_are_rotated_by_their_exif_orientation(tmp_path):
    image = Image.fromarray(np.arange(32, dtype=np.uint8).reshape(8, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # rotate clockwise
    image.save(tmp_path / 'a.jpg', exif=exif, quality=100)
    read = face_cropper._read_image(str(tmp_path / 'a.jpg'))
    assert read.shape == (4, 8, 3)
    assert read[0, 0, 0] > read[0, -1, 0] + 20


@pytest.mark.parametrize(
    'box, margin, size',
    [
        ((2, 3, 6, 7), 0, 0),
        ((2, 3, 6, 9), 0, 0),
        ((-3, -2, 5, 6), 0, 0),
        ((6, 5, 14, 13), 0.25, 0),
        ((-20, -20, -12, -12), 0, 0),
        ((20, 2, 28, 10), 0, 0),
        ((2, 3, 6, 7), 0.5, 20),
        ((2, 3, 6, 7), 0.5, 4),
        ((2.4, 3.6, 2.5, 3.7), 0, 0),
    ],
)
def test_cut_out(box, margin, size):
    rng = np.random.default_rng(0)
    image = rng.integers(1, 256, (12, 10, 3), np.uint8)
    crop = cut_out(image, box, margin, size)
    left, top, right, bottom = box
    side = round(max(right - left, bottom - top) * (1 + 2 * margin)) or 1
    assert crop.shape == (size or side,) * 2 + (3,)
    if size:
        return
    x, y = round((left + right - side) / 2), round((top + bottom - side) / 2)
    large = np.zeros((112, 110, 3), np.uint8)
    large[50:62, 50:60] = image
    assert (crop == large[50 + y :, 50 + x :][:side, :side]).all()


def test_list_of_images_that_are_elsewhere(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a.jpg\nb.jpg\n')
    message = 'a.jpg: no such file, and none of all 2 .*--image-root'
    with pytest.raises(ValueError, match=message):
        FaceCropper(
            list_sources(str(path)), str(tmp_path / 'out'), CropSettings()
        )
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('stop_at', [0, 1, 3, 4])
def test_interrupted_cropping_continues(photos, tmp_path, model, stop_at):
    settings = CropSettings(model)
    sources = list_sources(str(photos))
    FaceCropper(sources, str(tmp_path / 'whole'), settings).run()
    out = tmp_path / 'out'
    read, calls = face_cropper._read_image, []

    def interrupt(*args):
        calls.append(args)
        if len(calls) == stop_at + 1:
            raise KeyboardInterrupt
        return read(*args)

    with pytest.raises(KeyboardInterrupt):
        with patch.object(face_cropper, '_read_image', interrupt):
            FaceCropper(sources, str(out), settings).run()
    # As if killed while writing a line.
    with open(out / 'faces.csv', 'a') as file:
        file.write('sub/two.jpg,sub/tw')
    calls.clear()
    with patch.object(face_cropper, '_read_image', side_effect=read) as again:
        counts = FaceCropper(sources, str(out), settings).run()
    assert again.call_count == 5 - stop_at
    assert sum(counts.values()) == 5
    assert files_of(out) == files_of(tmp_path / 'whole')
    with pytest.raises(
        ValueError, match=r'settings\.json: the folder holds crops'
    ):
        FaceCropper(sources, str(out), CropSettings(model, margin=0))


def test_rows_of_an_image_that_are_missing(photos, tmp_path, model):
    """The manifest may end between the faces of the last image."""
    settings = CropSettings(model, faces='all')
    sources = list_sources(str(photos))
    FaceCropper(sources, str(tmp_path / 'whole'), settings).run()
    out = tmp_path / 'out'
    FaceCropper(sources, str(out), settings).run()
    lines = (out / 'faces.csv').read_text().splitlines(keepends=True)
    assert 'two_0' in lines[-2] and 'two_1' in lines[-1]
    (out / 'faces.csv').write_text(''.join(lines[:-1]))
    counts = FaceCropper(sources, str(out), settings).run()
    assert sum(counts.values()) == 6
    assert files_of(out) == files_of(tmp_path / 'whole')


KILLED = """
import os, signal, sys
from fer_ssl.data_preparation import face_cropper

def kill(source, target):
    if '2.part.png' in source:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

replace, os.replace = os.replace, kill
face_cropper.FaceCropper(
    face_cropper.list_sources(sys.argv[1]),
    sys.argv[2],
    face_cropper.CropSettings(sys.argv[3]),
).run()
"""


def test_killed_while_it_writes_a_crop(tmp_path, model):
    for number in range(4):
        draw(tmp_path / f'photos/{number}.png', (96, 64))
    photos, out = str(tmp_path / 'photos'), tmp_path / 'out'
    done = subprocess.run(
        [sys.executable, '-c', KILLED, photos, str(out), model]
    )
    assert done.returncode == -signal.SIGKILL
    assert sorted(os.listdir(out / 'images')) == [
        '0.png',
        '1.png',
        '2.part.png',
    ]
    assert len(list_sources(str(out / 'images'))) == 2
    sources = list_sources(photos)
    FaceCropper(sources, str(out), CropSettings(model)).run()
    FaceCropper(sources, str(tmp_path / 'b'), CropSettings(model)).run()
    assert files_of(out) == files_of(tmp_path / 'b')


def test_manifest_with_half_a_header(photos, tmp_path, model):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'faces.csv').write_text('image,sou')
    settings = CropSettings(model)
    FaceCropper(list_sources(str(photos)), str(out), settings).run()
    assert len(rows_of(out)) == 5


def write_labels(photos, names, header='image,expression,split,left'):
    lines = [f'{name},anger,train,5' for name in names]
    (photos / 'labels.csv').write_text('\n'.join([header, *lines]) + '\n')
    return str(photos / 'labels.csv')


def test_labels_for_face_dataset(photos, tmp_path, model):
    table = write_labels(photos, ['sub/two.jpg', 'none.png', 'one.bmp'])
    out = tmp_path / 'out'
    cropper = FaceCropper(
        list_sources(table), str(out), CropSettings(model, size=64)
    )
    assert cropper.run() == {'ok': 2, 'no face': 1}
    assert cropper.write_labels(table) == 2
    dataset = FaceDataset(data_root=str(out), ann_file='labels.csv')
    paths = [dataset.get_data_info(i)['img_path'] for i in range(2)]
    assert paths == [
        str(out / 'images/sub/two.jpg'),
        str(out / 'images/one.bmp.png'),
    ]
    assert all(cv2.imread(path).shape == (64, 64, 3) for path in paths)
    header = (out / 'labels.csv').read_text().splitlines()[0]
    assert header == 'image,expression,split'


def test_labels_of_several_faces_are_refused(photos, tmp_path, model):
    table = write_labels(photos, ['one.png', 'one.png'])
    cropper = FaceCropper(
        list_sources(table), str(tmp_path / 'a'), CropSettings(model)
    )
    cropper.run()
    with pytest.raises(ValueError, match=r'one\.png has several faces'):
        cropper.write_labels(table)
    table = write_labels(photos, ['one.png'])
    settings = CropSettings(model, faces='all')
    cropper = FaceCropper(list_sources(table), str(tmp_path / 'b'), settings)
    cropper.run()
    with pytest.raises(ValueError, match='several faces'):
        cropper.write_labels(table)


def test_sources(photos, tmp_path):
    names = [source.name for source in list_sources(str(photos))]
    assert names == [
        'broken.jpg',
        'none.png',
        'one.bmp.png',
        'one.png',
        'sub/two.jpg',
    ]
    assert list_sources(f'{photos}/')[-1].name == 'sub/two.jpg'
    path = tmp_path / 'list.txt'
    path.write_text('a.jpg\n\n../b.jpg\na.jpg\n/x/c.JPG\n')
    sources = list_sources(str(path))
    assert [s.listed for s in sources] == ['a.jpg', '../b.jpg', '/x/c.JPG']
    assert sources[1].path == str(tmp_path / '../b.jpg')
    assert all('..' not in source.name for source in sources)
    assert not any(os.path.isabs(source.name) for source in sources)
    assert list_sources(str(path), '/r')[0].path == '/r/a.jpg'
    path.write_text('a.bmp\na.bmp.png\n')
    with pytest.raises(ValueError, match=r'2 images would all be a\.bmp\.png'):
        list_sources(str(path))
    path.write_text('\n')
    with pytest.raises(ValueError, match=r'list\.txt: there are no images'):
        list_sources(str(path))
    with pytest.raises(FileNotFoundError):
        list_sources(str(tmp_path / 'none'))


@pytest.mark.parametrize(
    'text, message',
    [
        ('file\na.jpg\n', r'x\.csv:1: column image'),
        ('', r'x\.csv:1: column image'),
        ('image,expression\na.jpg,anger\nb.jpg\n', r'x\.csv:3: 1 fields'),
    ],
)
def test_faulty_tables(tmp_path, text, message):
    (tmp_path / 'x.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        list_sources(str(tmp_path / 'x.csv'))


def test_unusable_models(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'a\.onnx: no such file'):
        make_detector(CropSettings(str(tmp_path / 'a.onnx')))
    (tmp_path / 'a.onnx').write_bytes(b'no model')
    with pytest.raises(ValueError, match=r'a\.onnx: OpenCV .* cannot read'):
        make_detector(CropSettings(str(tmp_path / 'a.onnx')))
    for wrong in (
        dict(faces='first'),
        dict(margin=-0.5),
        dict(size=-1),
        dict(detect_size=3),
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            make_detector(CropSettings(**wrong))


def test_detector_of_the_package():
    (face,) = make_detector(CropSettings()).find_in(draw_face())
    assert np.allclose(face.box, (130, 75, 271, 261), atol=10)


def test_tool(photos, tmp_path, model):
    table = write_labels(photos, ['sub/two.jpg', 'none.png', 'broken.jpg'])
    args = [table, 'out', '--model', model, '--processes=2', '--min-score=0.5']

    done = run_script(TOOL, *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in ('ok: 1', 'no face: 1', 'unreadable: 1', 'csv: 1 rows'):
        assert line in done.stdout
    assert run_script(TOOL, *args, cwd=tmp_path).returncode == 0
    done = run_script(TOOL, *args, '--margin=0', cwd=tmp_path)
    assert done.returncode == 1
    assert 'error: ' in done.stderr and 'Traceback' not in done.stderr
