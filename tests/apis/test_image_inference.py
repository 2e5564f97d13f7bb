import csv
import json
import shutil
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.drawn_face import draw_face
from tests.helpers.tiny_networks import (
    CLASSES,
    classifier,
    recognizer,
    teacher_student,
    write_checkpoint,
)
from tests.helpers.video_files import gray, write_frames

pytest.importorskip('av')

from fer_ssl.apis import (  # noqa: E402
    ExpressionInferencer,
    expression_inferencer,
)
from fer_ssl.evaluation.calibration import Calibration  # noqa: E402
from fer_ssl.evaluation.face_predictions import (  # noqa: E402
    FacePredictions,
)

BOX = (130, 75, 271, 261)  # of the drawn face


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    path, _ = write_checkpoint(
        tmp_path_factory.mktemp('weights') / 'a.pth', classifier()
    )
    return ExpressionInferencer(
        weights=path, show_progress=False, device='cpu'
    )


@pytest.fixture
def photos(tmp_path):
    """Two faces, nobody, a damaged file and a text."""
    folder = tmp_path / 'my photos'
    folder.mkdir()
    two = np.hstack([draw_face(), draw_face(background=80)])
    cv2.imwrite(str(folder / 'a.png'), two)
    cv2.imwrite(str(folder / 'b.jpg'), np.zeros((90, 80, 3), np.uint8))
    (folder / 'c.jpg').write_bytes(b'no image')
    (folder / 'd.txt').write_text('text')
    return folder


def test_photograph(inferencer, photos):
    (entry,) = inferencer(str(photos / 'a.png'))['predictions']
    assert json.loads(json.dumps(entry)) == entry
    assert entry['image'] == str(photos / 'a.png')
    assert entry['problems'] == []
    first, second = sorted(entry['faces'], key=lambda face: face['box'])
    np.testing.assert_allclose(first['box'], BOX, atol=10)
    moved = np.add(BOX, (400, 0, 400, 0))
    np.testing.assert_allclose(second['box'], moved, atol=10)
    assert set(first['scores']) == set(CLASSES)
    assert sum(first['scores'].values()) == pytest.approx(1, abs=1e-5)
    assert first['score'] == first['scores'][first['label']]


def test_all_forms_of_an_image_give_the_same(inferencer, photos):
    path = photos / 'a.png'
    pixels = cv2.imread(str(path))
    forms = [
        path,
        pixels,
        Image.open(path),
        np.dstack([pixels, pixels[..., :1]]),
        pixels[..., 0],  # all channels are equal
    ]
    result = inferencer(forms, return_datasamples=True, batch_size=2)
    first, *others = result['predictions']
    assert isinstance(first, FacePredictions) and first.num_faces == 2
    for other in others:
        np.testing.assert_allclose(other.scores, first.scores, atol=1e-5)
    assert np.array_equal(pixels, cv2.imread(str(path)))  # not drawn into
    stack = inferencer(np.stack([pixels] * 3))['predictions']
    assert [x['image'] for x in stack] == [f'array_1_{i}' for i in (1, 2, 3)]


def test_folder_of_images(inferencer, photos, tmp_path):
    out = tmp_path / 'out put'
    result = inferencer(str(photos), out_dir=str(out), batch_size=2)
    a, b, c = result['predictions']
    assert len(a['faces']) == 2 and b['faces'] == []
    assert 'faces' not in c
    assert 'c.jpg: not a readable image (' in c['problems'][0]
    with open(out / 'predictions.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [Path(x['image']).name for x in rows] == ['a.png', 'a.png', 'b.jpg']
    assert [x['face'] for x in rows] == ['1', '2', '']
    assert (out / 'predictions.csv').read_text().endswith('\n\n')
    assert sorted(x.name for x in out.iterdir()) == [
        'overlay',
        'predictions.csv',
    ]
    drawn = cv2.imread(result['visualization'][0]['overlay'])
    original = cv2.imread(str(photos / 'a.png'))
    assert drawn.shape == original.shape
    assert np.abs(drawn - original.astype(int)).max() > 100
    assert result['visualization'][2] == {}


def test_images_and_videos_together(inferencer, photos, tmp_path):
    clip = write_frames(tmp_path / 'clip.mp4', [draw_face()[..., ::-1]] * 6)
    out = tmp_path / 'out'
    inputs = [str(photos / 'a.png'), clip, str(photos / '*.jpg')]
    result = inferencer(inputs, out_dir=str(out))
    names = [x.get('image', x.get('video')) for x in result['predictions']]
    assert [Path(x).name for x in names] == ['a.png', 'clip', 'b.jpg', 'c.jpg']
    assert len(result['predictions'][1]['faces']) == 1
    assert (out / 'clip/predictions.csv').exists()
    assert (out / 'clip/overlay.mp4').exists()
    assert (out / 'predictions.csv').read_text().count('\n') == 5


def test_equal_names_and_no_overlay(inferencer, photos, tmp_path):
    for name in ('A.jpg', 'sub/a.png'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.zeros((40, 40, 3), np.uint8))
    inputs = [photos / 'a.png', tmp_path / 'A.jpg', tmp_path / 'sub/a.png']
    out = tmp_path / 'out'
    result = inferencer(inputs, out_dir=str(out))
    names = [Path(x['overlay']).name for x in result['visualization']]
    assert names == ['a.jpg', 'A_2.jpg', 'a_3.jpg']
    shutil.rmtree(out)
    inferencer(inputs, out_dir=str(out), draw=False)
    assert [x.name for x in out.iterdir()] == ['predictions.csv']


def test_input_image_is_not_overwritten(inferencer, tmp_path):
    path = tmp_path / 'overlay/a.jpg'
    path.parent.mkdir()
    cv2.imwrite(str(path), draw_face())
    before = path.read_bytes()
    with pytest.raises(ValueError, match='overwrite this image'):
        inferencer(str(path), out_dir=str(tmp_path))
    assert path.read_bytes() == before


def test_one_input_that_cannot_be_read(inferencer, photos):
    with pytest.raises(ValueError, match=r'c\.jpg: not a readable image'):
        inferencer(str(photos / 'c.jpg'))
    with pytest.raises(FileNotFoundError, match=r'none\.jpg: no such file'):
        inferencer('none.jpg')
    good, bad = inferencer([photos / 'a.png', 'none.jpg'])['predictions']
    assert len(good['faces']) == 2
    assert bad['image'] == 'none.jpg' and 'no such file' in bad['problems'][0]


def test_wrong_arguments(inferencer, photos):
    for size in (0, -1):
        with pytest.raises(ValueError, match=f'batch_size={size}: must be'):
            inferencer(str(photos / 'a.png'), batch_size=size)
    for device in ('gpu', 'cuda:77', 'cpu:x'):
        with pytest.raises(ValueError, match=f"device '{device}' cannot be"):
            ExpressionInferencer(device=device)


@pytest.fixture
def run(inferencer):
    """Counts the calls of the network."""
    original = inferencer.network.run_stills
    with patch.object(inferencer.network, 'run_stills', wraps=original) as run:
        yield run


def test_large_images_end_a_batch(inferencer, photos, run):
    with patch.object(expression_inferencer, '_BATCH_BYTES', 10):
        inferencer([str(photos / 'a.png')] * 3)
    assert run.call_count == 3


@pytest.mark.parametrize('kind', ['student', 'temporal'])
def test_other_networks(tmp_path, photos, write_videos, kind):
    cfg = teacher_student()
    if kind == 'temporal':
        cfg = recognizer(write_videos(dict(a='012')))
    path, _ = write_checkpoint(tmp_path / 'b.pth', cfg)
    inferencer = ExpressionInferencer(
        weights=path, show_progress=False, device='cpu'
    )
    paths = [str(photos / 'a.png'), str(photos / 'b.jpg')]
    first, second = inferencer(paths, return_datasamples=True)['predictions']
    assert first.scores.shape == (2, 3) and second.scores.shape == (0, 3)
    np.testing.assert_allclose(first.scores.sum(axis=1), 1, atol=1e-5)
    (again,) = inferencer(paths[0], return_datasamples=True)['predictions']
    np.testing.assert_allclose(again.scores, first.scores, atol=1e-6)


def test_calibration_of_stills(inferencer, photos):
    path = str(photos / 'a.png')
    (before,) = inferencer(path, return_datasamples=True)['predictions']
    calibration = Calibration(
        temperature=2.0,
        bias=[0.0, 1.0, 0.0],
        classes=list(CLASSES),
        method='labels',
        prior=[1 / 3] * 3,
        num_faces=9,
    )
    with patch.object(inferencer.network, 'calibration', calibration):
        (after,) = inferencer(path, return_datasamples=True)['predictions']
    expected = before.scores**0.5 * np.exp([0, 1, 0])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after.scores, expected, atol=1e-5)


def test_results_come_one_by_one(inferencer, photos, run):
    results = inferencer.stream([str(photos / 'a.png')] * 3, batch_size=1)
    assert run.call_count == 0
    next(results)
    assert run.call_count == 1
    results.close()


def test_interrupted_images(inferencer, photos, tmp_path):
    """Ctrl-C keeps what is done, without the mark of a complete file."""
    out = tmp_path / 'out'
    results = inferencer.stream(
        [str(photos / 'a.png')] * 3, batch_size=1, out_dir=str(out)
    )
    next(results)
    stop = patch.object(
        inferencer.network, 'run_stills', side_effect=KeyboardInterrupt
    )
    with stop, pytest.raises(KeyboardInterrupt):
        next(results)
    lines = (out / 'predictions.csv').read_text().splitlines()
    assert len(lines) == 3 and lines[-1]


def test_interrupted_video(inferencer, tmp_path):
    clip = write_frames(tmp_path / 'clip.mp4', [draw_face()[..., ::-1]] * 12)
    out = tmp_path / 'out'
    add = inferencer.network.add
    batches = []

    def stop(batch):
        batches.append(batch)
        if len(batches) == 3:
            raise KeyboardInterrupt
        return add(batch)

    results = inferencer.stream(
        [clip, 'later.mp4'], batch_size=4, out_dir=str(out)
    )
    with patch.object(inferencer.network, 'add', stop):
        entry = next(results)['predictions']
        with pytest.raises(KeyboardInterrupt):
            next(results)
    assert entry['frames'] == 8 and entry['faces'][0]['frames'] == 8
    assert 'clip.mp4: stopped after frame 8' in entry['problems'][0]
    files = sorted(x.name for x in (out / 'clip').iterdir())
    assert files == ['predictions.csv', 'timeline.png']
    lines = (out / 'clip/predictions.csv').read_text().splitlines()
    assert len(lines) == 9 and lines[-1]


def test_interrupted_overlay(inferencer, tmp_path):
    clip = write_frames(tmp_path / 'clip.mp4', [gray(50)] * 6)
    out = tmp_path / 'out'
    results = inferencer.stream(clip, out_dir=str(out))
    with patch.object(
        expression_inferencer, 'write_overlay', side_effect=KeyboardInterrupt
    ):
        entry = next(results)['predictions']
        with pytest.raises(KeyboardInterrupt):
            next(results)
    assert entry['frames'] == 6 and 'no overlay' in entry['problems'][0]
    assert (out / 'predictions.csv').read_text().endswith('\n\n')
    assert not (out / 'overlay.mp4').exists()
