"""Plugin of pytest that hides mmaction2, as if it were not installed.

``python -m pytest -p tests.helpers.without_mmaction2 TESTS``
"""

from importlib.machinery import PathFinder

_find_spec = PathFinder.find_spec


def _find_all_others(name, path=None, target=None):
    return None if name == 'mmaction' else _find_spec(name, path, target)


PathFinder.find_spec = staticmethod(_find_all_others)
