"""Backends of mmengine for images that are no files of their own.

A backend raises OSError for data that cannot be read, as a missing file does,
so that data sets treat both alike.
"""

from .pixel_text_backend import PixelTextBackend

__all__ = ['PixelTextBackend']
