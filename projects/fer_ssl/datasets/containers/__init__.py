"""Backends of mmengine for images that are stored inside larger files.

A backend raises OSError for data that cannot be read, as a missing file does,
so data sets handle both in the same way.
"""

from .pixel_text_backend import PixelTextBackend
from .record_io_backend import RecordIOBackend, record_io_address
from .tar_backend import TarBackend, tar_address

__all__ = [
    'PixelTextBackend',
    'RecordIOBackend',
    'TarBackend',
    'record_io_address',
    'tar_address',
]
