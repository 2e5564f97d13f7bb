import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """Folder on a disk of 256 KiB, and a function that fills the disk."""
    folder = tmp_path / 'small_disk'
    folder.mkdir()
    done = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', str(folder)],
        capture_output=True,
    )
    if done.returncode:
        pytest.skip('needs the right to mount a disk')

    def fill(leave):
        state = os.statvfs(folder)
        size = state.f_bavail * state.f_frsize - leave
        (folder / 'filling').write_bytes(bytes(size))

    yield folder, fill
    # Lazily: a memory map of a failed test may still be open.
    subprocess.run(['umount', '-l', str(folder)], check=True)
