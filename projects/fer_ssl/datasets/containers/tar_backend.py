from __future__ import annotations

from mmengine.fileio import BaseStorageBackend, register_backend

from ...utils.open_files import OpenFiles
from .address import make_address, split_address


def tar_address(path: str, offset: int, size: int) -> str:
    """Address of the bytes of a member of the tar file ``path``."""
    return make_address('tar', path, offset=offset, size=size)


@register_backend('tar', prefixes='tar')
class TarBackend(BaseStorageBackend):
    """Reads members of tar files: ``tar:///DIR/a.tar?offset=512&size=9000``.

    ``offset`` is that of the content, behind the 512 bytes that head every
    member. The tar file must not be compressed.
    """

    def __init__(self) -> None:
        self._files = OpenFiles()

    def get(self, filepath: str) -> bytes:
        """Content of a member.

        Raises:
            FileNotFoundError: There is no such file.
            DamagedFileError: The file ends before.
            ValueError: This is no such address.
        """
        path, part = split_address(str(filepath), {'offset', 'size'})
        return self._files.read(path, part['offset'], part['size'])

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)
