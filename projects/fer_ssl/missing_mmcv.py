"""An error with a remedy if neither mmcv nor mmcv-lite is installed.

The package does not require either of them: both install into the folder
``mmcv``, so requiring one would overwrite the other.
"""

from __future__ import annotations

from importlib.abc import MetaPathFinder


class MissingMMCV(MetaPathFinder):
    """Finder at the end of ``sys.meta_path``, for what no other one found."""

    def find_spec(self, fullname, path=None, target=None) -> None:
        """Raise ``ModuleNotFoundError`` with the remedy for ``mmcv``."""
        if fullname == 'mmcv':
            raise ModuleNotFoundError(
                'mmcv is not installed. Run `pip install "mmcv-lite>=2.1,<2.2"'
                '`, which is enough for this package, or `mim install '
                '"mmcv>=2.1,<2.2"` for the version with compiled operators.',
                name='mmcv',
            )
