from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('gradio')

from fer_ssl.web.page import Page  # noqa: E402
from tests.helpers.drawn_face import draw_face  # noqa: E402

REQUEST = SimpleNamespace(session_hash='a')


@pytest.fixture
def page(inferencer, files):
    yield Page(inferencer, files)
    inferencer.on_frame = None


def test_layout(page):
    config = page.build().get_config_file()
    labels = {x['props'].get('label') for x in config['components']}
    assert {'Photographs', 'Video', 'Camera', 'Timeline'} <= labels
    assert not config['analytics_enabled']


def test_images(page, files, upload):
    pictures, button, faces = page.show_images([upload('a.png')], REQUEST)
    assert 'Face 1' in faces
    (picture,) = pictures.value
    assert picture['caption'] == 'a.png'
    assert button.visible and Path(button.value['path']).is_file()
    page.end(REQUEST)
    assert not [x for x in Path(files.root).glob('*/**/*') if x.is_file()]


def test_problem_names_the_upload_only(page, files, upload):
    _, button, faces = page.show_images([upload('a.png', b'x')], REQUEST)
    assert 'a.png: not a readable image' in faces
    assert files.root not in faces
    assert not button.visible


def test_nothing_is_uploaded(page):
    *_, button, faces = page.show_images(None, REQUEST)
    assert 'Each face gets' in faces and not button.visible
    overlay, _, button, faces = page.show_video(None, REQUEST)
    assert overlay is None and 'Every frame' in faces and not button.visible


def test_a_video_that_nobody_waits_for(page, files, upload, tmp_path):
    """Its prediction ends if the page is closed."""
    pytest.importorskip('av')
    from tests.helpers.video_files import write_frames

    clip = write_frames(tmp_path / 'clip.mp4', [draw_face()] * 8)
    path = upload('clip.mp4', Path(clip).read_bytes())
    steps = []

    def progress(step, **_):
        steps.append(step)
        if step[0] == 2:
            page.end(REQUEST)

    overlay, _, button, _ = page.show_video(path, REQUEST, progress)
    assert steps == [(0, 8), (1, 8), (2, 8)]
    assert overlay is None and not button.visible
    assert not [x for x in Path(files.root).glob('*/**/*') if x.is_file()]


def test_camera(page):
    picture, faces, session = page.show_camera(None, None)
    assert 'img' not in picture and session is None
    picture, faces, session = page.show_camera(draw_face(), None)
    assert 'img' in picture and 'Face 1' in faces
    assert page.show_camera(draw_face(), session)[2] is session
    image = np.zeros((60, 80, 3), np.uint8)
    assert 'No face was found' in page.show_camera(image, session)[1]
