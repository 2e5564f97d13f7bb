"""Images out of large files, by address, for everything that reads a file."""

from .record_io_backend import RecordIOBackend, record_io_address
from .tar_backend import TarBackend, tar_address

__all__ = [
    'RecordIOBackend',
    'TarBackend',
    'record_io_address',
    'tar_address',
]
