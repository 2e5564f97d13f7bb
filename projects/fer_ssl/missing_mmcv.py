"""The remedy where neither mmcv nor mmcv-lite is installed.

The package requires neither: both install into the folder ``mmcv``, so the
one that it required would overwrite the other.
"""

from __future__ import annotations

from importlib.abc import MetaPathFinder


class MissingMMCV(MetaPathFinder):
    """The last finder of ``sys.meta_path``: no other one has found mmcv."""

    def find_spec(self, fullname, path=None, target=None) -> None:
        """Raise ``ModuleNotFoundError`` with the remedy for ``mmcv``."""
        if fullname == 'mmcv':
            raise ModuleNotFoundError(
                'mmcv is not installed. Run `pip install "mmcv-lite>=2.1,<2.2"'
                '`, which is enough for this package, or `mim install '
                '"mmcv>=2.1,<2.2"` for the one with compiled operators.',
                name='mmcv',
            )
