from __future__ import annotations

from mmengine.fileio import BaseStorageBackend, register_backend

from ...utils.open_files import OpenFiles
from .address import make_address, split_address
from .record_io import RecordIOFile, read_image_record


def record_io_address(path: str, key: int, offset: int) -> str:
    """Return the address of an image in ``path``, given its byte offset.

    With the offset in the address, the reading process needs no index.
    """
    return make_address('recordio', path, key=key, offset=offset)


@register_backend('recordio', prefixes='recordio')
class RecordIOBackend(BaseStorageBackend):
    """Reads images out of ``train.rec``: ``recordio:///DIR/train.rec?key=7``.

    Thus ``LoadImageFromFile`` and everything else that reads through
    ``mmengine.fileio`` works without knowing about the container. Without
    ``&offset=..``, the index next to the file is read once per process.
    """

    def __init__(self) -> None:
        self._files = OpenFiles()
        self._indexed: dict[str, RecordIOFile] = {}

    def get(self, filepath: str) -> bytes:
        """Return the encoded image at an address.

        Raises:
            FileNotFoundError: The file, or the index if needed, is missing.
            DamagedFileError: There is no complete record, or no such key.
            ValueError: The address is malformed.
        """
        path, numbers = split_address(str(filepath), {'key'}, {'offset'})
        if 'offset' in numbers:
            key, offset = numbers['key'], numbers['offset']
            return read_image_record(self._files, path, offset, key).image
        if path not in self._indexed:
            self._indexed[path] = RecordIOFile(path)
        return self._indexed[path].read(numbers['key']).image

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)
