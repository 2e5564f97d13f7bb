"""Configs that come inside data: a checkpoint carries the text of its own.

A config file of a training is Python and runs. The text in a checkpoint is
data from whoever made the file, so it is read here as what MMEngine writes:
``name = value`` with literals, ``dict(...)`` and containers of these.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mmengine import registry
from mmengine.config import Config

#: Packages whose components a config inside data may name.
TRUSTED_PACKAGES = ('fer_ssl', 'mmaction', 'mmcv', 'mmengine', 'mmpretrain')

_REMEDY = (
    'Configs inside of data are not run. If you trust the file, name the '
    'config file of its training, by --config FILE (model=FILE).'
)
_from_data: ContextVar[bool] = ContextVar('from_data', default=False)


def saved_config(checkpoint: Any, source: str) -> Config:
    """Config that a checkpoint carries in ``meta['cfg']``.

    Args:
        checkpoint: What the file holds.
        source: Path of the file, for messages.

    Raises:
        ValueError: There is none, or see :func:`parse_saved_config`.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    text = meta.get('cfg') if isinstance(meta, dict) else None
    if text is None:
        raise ValueError(
            f'{source}: there is no config in this checkpoint. Name its '
            'config, by --config (model=...).'
        )
    return parse_saved_config(text, source)


def parse_saved_config(text: Any, source: str) -> Config:
    """Read the text of a config without running it.

    Args:
        text: What ``Config.pretty_text`` gave.
        source: Where the text was found, for messages.

    Returns:
        The config. Its ``custom_imports`` are not imported.

    Raises:
        ValueError: The text holds anything else than assignments of literals,
            or the config needs a module that has not been imported; the
            message names the source, the line and the remedy.
    """
    if not isinstance(text, str):
        raise ValueError(
            f'{source}: its config is {type(text).__name__}, not text. '
            f'{_REMEDY}'
        )
    try:
        content = dict(_assignments(ast.parse(text)))
    except _NoLiteralError as error:
        node = error.args[0]
        raise ValueError(
            f'{source}: line {node.lineno} of the config inside is not a '
            f'literal: {(ast.get_source_segment(text, node) or "")[:60]!r}. '
            f'{_REMEDY}'
        ) from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # MemoryError is what the parser says to deep nesting.
        raise ValueError(
            f'{source}: the config inside cannot be read: {error}. {_REMEDY}'
        ) from error
    _check_imports(content.get('custom_imports'), source)
    # It outlives the building: a later lookup would import SCOPE.registry.
    scope = content.get('default_scope')
    if scope is not None and scope not in (*TRUSTED_PACKAGES, *sys.modules):
        raise ValueError(
            f'{source}: default_scope={scope!r} of the config inside is none '
            f'of {", ".join(TRUSTED_PACKAGES)}. {_REMEDY}'
        )
    return Config(content)


class _NoLiteralError(Exception):
    """Its argument is the syntax node."""


def _assignments(module: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in module.body:
        if not (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
        ):
            raise _NoLiteralError(node)
        yield node.targets[0].id, _literal(node.value)


def _literal(node: ast.expr) -> Any:
    """Value of a literal, of ``dict(...)`` or of a container of these."""
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = map(_literal, node.keys)
        return dict(zip(keys, map(_literal, node.values)))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = dict(List=list, Tuple=tuple, Set=set)[type(node).__name__]
        return kind(map(_literal, node.elts))
    if isinstance(node, ast.Call):
        # MMEngine writes dict({...}) where a key is no identifier.
        args = [x for x in node.args if isinstance(x, ast.Dict)]
        named = all(keyword.arg for keyword in node.keywords)
        is_dict = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        if not (is_dict and named and len(args) == len(node.args) < 2):
            raise _NoLiteralError(node)
        named = {x.arg: _literal(x.value) for x in node.keywords}
        return {**(_literal(args[0]) if args else {}), **named}
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _NoLiteralError(node) from None


def _check_imports(custom_imports: Any, source: str) -> None:
    """Refuse a config that needs modules which only importing would add."""
    if custom_imports is None:
        return
    names = custom_imports
    if isinstance(names, dict):
        names = names.get('imports', [])
    names = [names] if isinstance(names, str) else list(names)
    missing = [
        name
        for name in map(str, names)
        if name.partition('.')[0] not in TRUSTED_PACKAGES
        and name not in sys.modules
    ]
    if missing:
        raise ValueError(
            f'{source}: the config inside imports {", ".join(missing)}, which '
            f'is code. {_REMEDY}'
        )


@contextmanager
def components_of_data(source: str) -> Iterator[None]:
    """Context in which registries build registered components only.

    MMEngine takes ``dict(type='os.system', command=...)`` for the function of
    that name, and imports ``NAME.registry`` for ``type='NAME.X'``. What is
    built from a config inside data is held to the components of
    :data:`TRUSTED_PACKAGES` and of packages that are imported already, by
    :func:`fer_ssl.compat.hold_registries_to_components`.

    Args:
        source: Where the config was found, for messages.

    Raises:
        ValueError: The config names something else.
    """
    token = _from_data.set(True)
    try:
        yield
    except (KeyError, RuntimeError) as error:
        text = str(error.args[0] if error.args else error)
        if 'registry' not in text and 'Failed to get' not in text:
            raise
        raise ValueError(
            f'{source}: the config inside names what is no component of '
            f'{", ".join(TRUSTED_PACKAGES)}: {text.partition(". ")[0]}. '
            f'{_REMEDY}'
        ) from error
    finally:
        _from_data.reset(token)


def may_import(name: str) -> bool:
    """Whether a registry may import a module of this dotted name now."""
    package = name.partition('.')[0]
    return not _from_data.get() or package in (*TRUSTED_PACKAGES, *sys.modules)


def may_build(component: Any) -> bool:
    """Whether a registry may build what it found by its dotted name now."""
    return not _from_data.get() or any(
        component is registered
        for root in vars(registry).values()
        if isinstance(root, registry.Registry)
        for node in (root, *root.children.values())
        for registered in node.module_dict.values()
    )
