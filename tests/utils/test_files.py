import os
import stat
import threading

import pytest

from fer_ssl.utils.files import whole_file, whole_path, write_text


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / 'store').mkdir()
    target, link = tmp_path / 'store/a.csv', tmp_path / 'a.csv'
    target.write_text('old')
    link.symlink_to(target)
    write_text(link, 'new')
    assert link.is_symlink() and target.read_text() == 'new'
    assert os.listdir(tmp_path / 'store') == ['a.csv']


def test_permissions_are_kept(tmp_path):
    file = tmp_path / 'a.csv'
    file.touch(0o600)
    write_text(file, 'new')
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / 'pipe.csv'
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    write_text(pipe, 'text')
    reader.join(10)
    assert found == ['text'] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_one():
    write_text(os.devnull, 'text')
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_message_of_a_nested_reader_is_kept(tmp_path):
    class OddError(OSError):
        pass

    with pytest.raises(OddError, match='the source is cut') as caught:
        with whole_file(tmp_path / 'a.csv') as file:
            file.write('text')
            raise OddError('the source is cut')
    assert caught.value.filename is None
    assert not os.listdir(tmp_path)


def test_missing_part_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        with whole_path(tmp_path / 'a.csv'):
            pass  # writes nothing
    assert caught.value.filename == str(tmp_path / 'a.csv')
