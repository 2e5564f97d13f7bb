"""Comparison of the ``type`` of a config, which may be a name or a class."""

from __future__ import annotations

import inspect
from typing import Any

from mmengine.registry import Registry


def class_of(config: Any, registry: Registry) -> Any:
    """Return the class that a config names, or None.

    ``type`` is a registered name, with or without a scope, the path of a class
    or, in a lazy config, the class itself.
    """
    kind = config['type']
    return registry.get(kind) if isinstance(kind, str) else kind


def is_type(
    config: Any, names: str | tuple[str, ...], registry: Registry
) -> bool:
    """Return whether a config names one of some classes, or a subclass."""
    kind = class_of(config, registry) if 'type' in config else None
    names = (names,) if isinstance(names, str) else names
    bases = [registry.get(name) for name in names]
    return inspect.isclass(kind) and issubclass(
        kind, tuple(base for base in bases if base is not None)
    )
