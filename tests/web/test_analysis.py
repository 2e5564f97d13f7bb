import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_ssl.apis.live import LivePredictor
from fer_ssl.media.video_file import VideoFrame
from fer_ssl.web import analysis
from fer_ssl.web.analysis import (
    CameraSession,
    predict_images,
    predict_video,
)
from tests.helpers.drawn_face import draw_face
from tests.helpers.tiny_networks import CLASSES


def folder_of(files):
    return files.new_folder('a')


def test_images_and_a_damaged_one(inferencer, files, upload):
    paths = [upload('one.png'), upload('bad.jpg', b'\xff\xd8\xff')]
    paths.append(upload('two.png'))
    results = predict_images(inferencer, paths, folder_of(files))
    assert results.problems == [
        'bad.jpg: not a readable image (cannot be decoded).'
    ]
    assert [group.title for group in results.groups] == ['one.png', 'two.png']
    for group in results.groups:
        (card,) = group.cards
        assert card.name == 'Face 1'
        assert [bar.name for bar in card.bars] == list(CLASSES)
        assert sum(bar.value for bar in card.bars) == pytest.approx(1)
        largest = max(card.bars, key=lambda bar: bar.value)
        assert card.label == largest.name
    assert [name for _, name in results.pictures] == ['one.png', 'two.png']
    for path, _ in results.pictures:
        picture = cv2.imread(path)
        assert np.abs(picture - draw_face().astype(int)).max() > 100
    with open(results.csv, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == ['one.png', 'two.png']
    assert float(rows[0]['anger']) == pytest.approx(
        results.groups[0].cards[0].bars[1].value, abs=1e-4
    )


@pytest.mark.parametrize('name', ['bad.jpg', 'bad'])
def test_only_a_damaged_image(inferencer, files, upload, name):
    paths = [upload(name, b'no image')]
    results = predict_images(inferencer, paths, folder_of(files))
    (problem,) = results.problems
    assert files.hide(problem).startswith(f'{name}: n')
    assert not results.groups and not results.pictures
    assert results.csv is None


def test_too_many_images(inferencer, files, monkeypatch):
    monkeypatch.setattr(analysis, 'MAX_IMAGES', 2)
    results = predict_images(inferencer, ['a'] * 3, folder_of(files))
    assert results.problems[0].startswith('3 photographs were chosen')


def test_a_full_disk(inferencer, files, upload, monkeypatch):
    def refuse(*_):
        raise OSError(28, 'No space left on device', 'overlay.jpg')

    monkeypatch.setattr(
        'fer_ssl.apis.expression_inferencer.write_image_overlay', refuse
    )
    paths = [upload('one.png')]
    results = predict_images(inferencer, paths, folder_of(files))
    assert results.problems == [
        'overlay.jpg: No space left on device. Free some space, or choose '
        'another folder.'
    ]


def test_video(inferencer, files, upload, tmp_path):
    pytest.importorskip('av')
    from tests.helpers.video_files import write_frames

    clip = write_frames(tmp_path / 'clip.mp4', [draw_face()] * 6)
    path = upload('clip.mp4', Path(clip).read_bytes())
    steps = []
    inferencer.on_frame = lambda *step: steps.append(step)
    results = predict_video(inferencer, path, folder_of(files))
    inferencer.on_frame = None
    assert steps == [
        (what, done, 6) for what in ('faces', 'overlay') for done in range(6)
    ]
    ((card,),) = [group.cards for group in results.groups]
    assert card.note == '0.0 to 0.5 s, 6 frames'
    # The same face in every frame has the same label in every frame.
    assert sorted(bar.value for bar in card.bars) == [0, 0, 1]
    assert not results.problems
    for written, name in (
        (results.overlay, 'overlay.mp4'),
        (results.timeline, 'timeline.png'),
        (results.csv, 'predictions.csv'),
    ):
        assert os.path.basename(written) == name and os.path.isfile(written)


def test_damaged_video(inferencer, files, upload):
    pytest.importorskip('av')
    path = upload('clip.mp4', b'no video')
    results = predict_video(inferencer, path, folder_of(files))
    (problem,) = results.problems
    assert files.hide(problem).startswith('clip.mp4: neither a video nor')
    assert results.csv is None


def test_camera(inferencer):
    """Its results are those of the predictor, and sessions do not meet."""
    images = [draw_face(background=40 + 30 * t) for t in range(3)]
    predictor = LivePredictor(inferencer)
    sessions = [CameraSession(inferencer) for _ in range(2)]
    for t, image in enumerate(images):
        frame = VideoFrame(t + 1, t / 10, image)
        expected = predictor(frame).smoothed_scores[0]
        for session in sessions:
            jpeg, group = session(image[..., ::-1])
            (card,) = group.cards
            assert card.name == 'Face 1'
            values = [bar.value for bar in card.bars]
            np.testing.assert_allclose(values, expected, atol=1e-6)
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == image.shape
        assert np.abs(shown - image.astype(int)).max() > 100
    assert images[0].tolist() == draw_face(background=40).tolist()


def test_camera_without_a_face(inferencer):
    _, group = CameraSession(inferencer)(np.zeros((60, 80, 3), np.uint8))
    assert group.cards == []
