from __future__ import annotations

from mmengine.fileio import BaseStorageBackend, register_backend

from ...utils.open_files import OpenFiles
from .address import make_address, split_address


def tar_address(path: str, offset: int, size: int) -> str:
    """Return the address of a member's bytes in the tar file ``path``."""
    return make_address('tar', path, offset=offset, size=size)


@register_backend('tar', prefixes='tar')
class TarBackend(BaseStorageBackend):
    """Reads members of tar files: ``tar:///DIR/a.tar?offset=512&size=9000``.

    ``offset`` is the start of the content, after the member's header of 512
    bytes. The tar file must not be compressed.
    """

    def __init__(self) -> None:
        self._files = OpenFiles()

    def get(self, filepath: str) -> bytes:
        """Return the content of a member.

        Raises:
            FileNotFoundError: There is no such file.
            DamagedFileError: The file ends before the end of the member.
            ValueError: The address is malformed.
        """
        path, part = split_address(str(filepath), {'offset', 'size'})
        return self._files.read(path, part['offset'], part['size'])

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)
