from pathlib import Path

import cv2
import pytest

from fer_ssl.web.page_inferencer import PageInferencer
from fer_ssl.web.session_files import SessionFiles
from tests.helpers.drawn_face import draw_face
from tests.helpers.tiny_networks import classifier, write_checkpoint


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    path = tmp_path_factory.mktemp('network') / 'a.pth'
    path, _ = write_checkpoint(path, classifier())
    return PageInferencer(weights=path, show_progress=False, device='cpu')


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    with SessionFiles() as files:
        yield files


@pytest.fixture
def upload(files):
    """Function that puts a file where Gradio puts uploads."""

    def upload(name, content=None):
        folder = Path(files.root, f'{sum(name.encode()):064x}')
        folder.mkdir(exist_ok=True)
        path = folder / name
        if content is None:
            cv2.imwrite(str(path), draw_face())
        else:
            path.write_bytes(content)
        return str(path)

    return upload
