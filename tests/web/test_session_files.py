import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

from fer_ssl.web.session_files import SessionFiles


def test_end_of_a_session(files, upload):
    kept, deleted = upload('kept.png'), upload('deleted.png')
    for session, path in (('a', deleted), ('b', kept)):
        files.open(session)
        files.add_uploads(session, [path])
        Path(files.new_folder(session), 'x.csv').touch()
    assert files.is_open('a') and files.is_open('b')
    files.close('a')
    assert not files.is_open('a') and files.is_open('b')
    left = {x.name for x in Path(files.root).glob('*/**/*') if x.is_file()}
    assert left == {'kept.png', 'x.csv'}
    files.close('a')
    files.close('unknown')


def test_folder_of_its_own_for_each_call(files):
    folders = {files.new_folder(x) for x in ('a', 'a', '../b')}
    assert len(folders) == 3
    for folder in folders:
        assert Path(folder).parents[1] == Path(files.root)


def test_end_of_the_server(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    with SessionFiles() as files:
        files.open('a')
        assert stat.S_IMODE(os.stat(files.root).st_mode) == 0o700
        with files:
            files.new_folder('a')
        assert not files.is_open('a')
    assert list(tmp_path.iterdir()) == []


def test_messages_without_folders(files):
    path = os.path.join(files.root, 'a1b2', 'my file.jpg')
    assert files.hide(f'{path}: damaged.') == 'my file.jpg: damaged.'
    assert files.hide('other/a.jpg: damaged.') == 'other/a.jpg: damaged.'


def test_folder_of_a_killed_server(tmp_path, monkeypatch):
    """The next server deletes it, but not that of one that still runs."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    code = (
        'import os, signal, sys\n'
        'from fer_ssl.web.session_files import SessionFiles\n'
        'files = SessionFiles()\n'
        "files.new_folder('a')\n"
        'os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    done = subprocess.run([sys.executable, '-c', code], env=environment)
    assert done.returncode == -signal.SIGKILL
    (abandoned,) = tmp_path.glob('fer_ssl_web_*')
    foreign = tmp_path / 'fer_ssl_web_without_a_lock'
    foreign.mkdir()
    with SessionFiles() as first, SessionFiles() as second:
        assert not abandoned.exists() and foreign.exists()
        assert Path(first.root).exists() and Path(second.root).exists()
    assert [*tmp_path.iterdir()] == [foreign]
