import os

import pytest

from fer_ssl.utils.folder_walk import is_leftover, walk_files


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    'name',
    ['.DS_Store', '._a.jpg', '@eaDir', 'Thumbs.db', '__MACOSX', 'a.part.csv'],
)
def test_leftovers(name):
    assert is_leftover(name)


@pytest.mark.parametrize('name', ['a.jpg', 'anger', 'part.jpg', 'e.part'])
def test_data(name):
    assert not is_leftover(name)


def test_files_come_before_folders_in_order(tmp_path):
    make(tmp_path, 'b/2.jpg', 'b/1.jpg', 'a/x/3.jpg', 'z.jpg', '@eaDir/t.jpg')
    make(tmp_path, 'a/@eaDir/3.jpg/THUMB_M.jpg', 'a/.hidden/4.jpg')
    assert list(walk_files(str(tmp_path))) == [
        'z.jpg',
        'a/x/3.jpg',
        'b/1.jpg',
        'b/2.jpg',
    ]


def test_links(tmp_path):
    """Links are followed, also twice to one folder, but not in a circle."""
    make(tmp_path, 'more/1.jpg', 'root/a/2.jpg', 'root/b/3.jpg')
    os.symlink(tmp_path / 'more', tmp_path / 'root/a/more')
    os.symlink(tmp_path / 'more', tmp_path / 'root/b/more')
    os.symlink(tmp_path / 'root', tmp_path / 'root/b/again')
    os.symlink('.', tmp_path / 'root/b/self')
    os.symlink('..', tmp_path / 'root/b/above')
    os.symlink(tmp_path, tmp_path / 'root/a/far_above')
    os.symlink('nowhere.jpg', tmp_path / 'root/broken.jpg')
    assert list(walk_files(str(tmp_path / 'root/b'))) == [
        '3.jpg',
        'more/1.jpg',
    ]
    assert list(walk_files(str(tmp_path / 'root'))) == [
        'broken.jpg',
        'a/2.jpg',
        'a/more/1.jpg',
        'b/3.jpg',
        'b/more/1.jpg',
    ]
