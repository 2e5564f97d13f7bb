"""The script serves a page that a browser uses without leaving the machine."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import pytest

from tests.helpers.browser import contacted, open_browser
from tests.helpers.drawn_face import draw_face
from tests.helpers.tiny_networks import classifier, write_checkpoint

ROOT = Path(__file__).parents[2]
# Notes the addresses that a process looks up or connects to.
AUDIT = """
import os, sys
def note(event, arguments):
    if event == 'socket.connect':
        address = arguments[1]
    elif event == 'socket.getaddrinfo':
        address = arguments
    else:
        return
    with open(os.environ['ADDRESSES'], 'a') as file:
        print(address[0], file=file)
sys.addaudithook(note)
"""


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, ROOT / 'tools/web_demo.py', *arguments],
        capture_output=True,
        text=True,
        **options,
    )


class Server:
    """The script with a tiny network.

    Attributes:
        url: Address of the page.
        temporary: Folder of all temporary files.
        addresses: Addresses that it has looked up or connected to.
    """

    def __init__(self, folder):
        self.temporary = folder / 'temporary'
        self.temporary.mkdir()
        self._addresses = folder / 'addresses.txt'
        self._addresses.touch()
        self._log = folder / 'log.txt'
        hooks = folder / 'hooks'
        hooks.mkdir()
        (hooks / 'sitecustomize.py').write_text(AUDIT)
        weights, _ = write_checkpoint(folder / 'tiny.pth', classifier())
        with open(self._log, 'w') as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, ROOT / 'tools/web_demo.py'),
                    *('--port', '0', '--checkpoint', weights),
                    *('--device', 'cpu'),
                ],
                stdout=log,
                stderr=log,
                env=dict(
                    os.environ,
                    TMPDIR=str(self.temporary),
                    PYTHONPATH=str(hooks),
                    ADDRESSES=str(self._addresses),
                    OMP_NUM_THREADS='1',
                ),
                # A shell starts jobs in the background with SIGINT ignored.
                preexec_fn=lambda: signal.signal(
                    signal.SIGINT, signal.SIG_DFL
                ),
            )
        self.url = wait_for(self._find_url, 120)

    def _find_url(self):
        assert self._process.poll() is None, self.log
        found = re.search(r'The page is at (http://\S+/)\.', self.log)
        return found and found[1]

    @property
    def log(self):
        return self._log.read_text()

    @property
    def addresses(self):
        return set(self._addresses.read_text().split())

    @property
    def files(self):
        """Names of the temporary files, without empty ones of Gradio."""
        files = [x for x in self.temporary.rglob('*') if x.is_file()]
        return {x.name for x in files if x.stat().st_size}

    def end(self, number):
        """Send a signal, and return the exit code."""
        self._process.send_signal(number)
        try:
            return self._process.wait(30)
        finally:
            self._process.kill()


def wait_for(condition, seconds=60):
    """Wait until a function returns something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f'not within {seconds} s')


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    pytest.importorskip('gradio')
    server = Server(tmp_path_factory.mktemp('server'))
    yield server
    status = server.end(signal.SIGINT)
    assert 'Traceback' not in server.log
    assert list(server.temporary.iterdir()) == []
    assert server.addresses <= {'127.0.0.1', 'localhost'}
    assert status == 130


@pytest.fixture(scope='module')
def media(tmp_path_factory):
    """A picture, a damaged one, a video, and pictures of a camera."""
    folder = tmp_path_factory.mktemp('media')
    face = draw_face()
    cv2.imwrite(str(folder / 'a face.png'), face)
    (folder / 'damaged.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    _, jpeg = cv2.imencode('.jpg', face)
    (folder / 'camera.mjpeg').write_bytes(jpeg.tobytes() * 10)
    return folder


class Visitor:
    """Somebody at the page."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, selector, text=''):
        """Wait for a visible element whose text contains another."""
        return wait_for(lambda: self._visible(selector, text))

    def _visible(self, selector, text):
        return self.driver.execute_script(
            'return [...document.querySelectorAll(arguments[0])].find('
            '  x => x.checkVisibility() && x.innerText.includes(arguments[1])'
            ')',
            selector,
            text,
        )

    def open_tab(self, name):
        self.find('button[role=tab]', name).click()

    def upload(self, extension, *paths):
        """Upload files by the input that takes an extension."""
        (field,) = wait_for(
            lambda: self.driver.find_elements(
                'css selector', f'input[type=file][accept*="{extension}"]'
            )
        )
        field.send_keys('\n'.join(map(str, paths)))

    def download(self, name, folder):
        """Press the button of a table, and return its rows."""
        self.driver.execute_cdp_cmd(
            'Browser.setDownloadBehavior',
            dict(behavior='allow', downloadPath=str(folder)),
        )
        self.find('button', f'Download {name}').click()
        wait_for((folder / name).exists)
        with open(folder / name, newline='') as file:
            return list(csv.DictReader(file))

    def is_loaded(self, selector):
        """Wait for an image with pixels or a video with frames."""
        return wait_for(
            lambda: self.driver.execute_script(
                'const x = document.querySelector(arguments[0]);'
                'return x && (x.naturalWidth || x.readyState > 1)',
                selector,
            )
        )

    def overflow(self, width):
        """By how many pixels the page is wider than a window."""
        self.driver.execute_cdp_cmd(
            'Emulation.setDeviceMetricsOverride',
            dict(width=width, height=900, deviceScaleFactor=1, mobile=True),
        )
        return self.driver.execute_script(
            'return document.documentElement.scrollWidth - innerWidth'
        )


@pytest.fixture
def visitor(server, media):
    with open_browser(
        'use-fake-device-for-media-stream',
        'use-fake-ui-for-media-stream',
        f'use-file-for-fake-video-capture={media / "camera.mjpeg"}',
    ) as driver:
        driver.get(server.url)
        yield Visitor(driver)
        assert contacted(driver) == {server.url.split('/')[2]}
    # The page is closed, so its files are deleted.
    wait_for(lambda: not server.files & {'predictions.csv', 'a face.png'})


def test_photographs(server, visitor, media, tmp_path):
    visitor.find('h1', 'Facial expressions')
    visitor.upload('.png', media / 'a face.png', media / 'damaged.png')
    visitor.find('.fer-card', 'Face 1')
    visitor.find('.fer-problem', 'damaged.png: not a readable image')
    visitor.is_loaded('.fer-picture img')
    assert visitor.download('predictions.csv', tmp_path)[0]['image'] == (
        'a face.png'
    )
    assert {'predictions.csv', 'a face.png'} <= server.files
    assert visitor.overflow(390) <= 0


def test_video(visitor, media, tmp_path):
    pytest.importorskip('av')
    from tests.helpers.video_files import write_frames

    clip = write_frames(media / 'clip.mp4', [draw_face()] * 6)
    visitor.open_tab('Video')
    visitor.upload('.mp4', clip)
    card = visitor.find('.fer-card', 'Face 1')
    assert '0.0 to 0.5 s, 6 frames' in card.text and '100%' in card.text
    visitor.is_loaded('.fer-timeline img')
    visitor.is_loaded('video[src$="overlay.mp4"]')
    assert len(visitor.download('predictions.csv', tmp_path)) == 6


def test_camera(server, visitor):
    visitor.open_tab('Camera')
    visitor.find('button', 'Webcam').click()
    visitor.find('button', 'Record').click()
    visitor.find('.fer-card', 'Face 1')
    visitor.is_loaded('.fer-live img')
    assert not server.files
    visitor.find('button', 'Stop').click()


def test_large_uploads_and_other_sites_are_refused(server):
    boundary = 'b'
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; '
        'filename="a.mp4"\r\n\r\n'
    ).encode()
    request = urllib.request.Request(
        f'{server.url}gradio_api/upload',
        headers={
            'Content-Type': f'multipart/form-data; boundary={boundary}',
            'Origin': 'http://example.org',
        },
        data=head + b'x' + f'\r\n--{boundary}--\r\n'.encode(),
    )
    with pytest.raises(urllib.error.HTTPError, match='403'):
        urllib.request.urlopen(request)
    with urllib.request.urlopen(f'{server.url}config') as answer:
        assert json.load(answer)['max_file_size'] == 500 * 1024**2


def test_the_server_listens_on_this_machine_only(server):
    host, port = server.url.split('/')[2].split(':')
    assert host == '127.0.0.1'
    for address in socket.gethostbyname_ex(socket.gethostname())[2]:
        if not address.startswith('127.'):
            with pytest.raises(OSError):
                socket.create_connection((address, int(port)), 2)


def test_a_port_in_use(server):
    port = server.url.split(':')[2].strip('/')
    done = run('--port', port, '--device', 'cpu')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert re.search(
        rf'error: port {port} of 127.0.0.1 cannot be used \(.*in use\)\. ',
        done.stderr,
    )


def test_sigterm_deletes_the_files(tmp_path):
    pytest.importorskip('gradio')
    server = Server(tmp_path)
    assert list(server.temporary.glob('fer_ssl_web_*'))
    assert server.end(signal.SIGTERM) == -signal.SIGTERM
    assert list(server.temporary.iterdir()) == []


def test_gradio_is_missing(tmp_path):
    """One line says how to install it, before the network is loaded."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import importlib.util as u\n'
        'find = u.find_spec\n'
        'u.find_spec = lambda name, *x: '
        'None if name == "gradio" else find(name, *x)\n'
    )
    done = run(
        '--checkpoint',
        'none.pth',
        env=dict(os.environ, PYTHONPATH=str(tmp_path)),
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    remedy = '`pip install fer_ssl[web]`'
    if sys.version_info < (3, 10):
        remedy = 'Python 3.10 or later'
    assert line.startswith('error: The web page ') and remedy in line
