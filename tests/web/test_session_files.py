import os
import stat
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
    left = {x.name for x in Path(files.root).rglob('*') if x.is_file()}
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
