"""Configs inside data, such as the one that a checkpoint carries.

A config file is Python and runs. The config in a checkpoint is text from
whoever made the file, so only what MMEngine writes is read here:
``name = value`` with literals, ``dict(...)`` and containers of these.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mmengine.config import Config

#: Scopes that a config inside data may name.
TRUSTED_PACKAGES = ('fer_ssl', 'mmaction', 'mmcv', 'mmengine', 'mmpretrain')
#: Modules of the classes that may be built for it: networks and their parts,
#: and image transforms. None of them reads a file or runs text when it is
#: built; a test inspects all of them.
_TRUSTED_MODULES = (
    'fer_ssl.datasets.transforms.',
    'fer_ssl.models.',
    'mmaction.models.data_preprocessors.',
    'mmaction.models.losses.',
    'mmcv.cnn.bricks.',
    'mmcv.transforms.',
    'mmengine.model.',
    'mmpretrain.datasets.transforms.',
    'mmpretrain.models.backbones.',
    'mmpretrain.models.classifiers.image',
    'mmpretrain.models.heads.',
    'mmpretrain.models.losses.',
    'mmpretrain.models.necks.',
    'mmpretrain.models.utils.',
    'torch.nn.modules.',
)
#: Exceptions: these load files, pickles among them, or networks from a hub.
_REFUSED_MODULES = (
    'mmpretrain.models.backbones.timm_backbone',
    'mmpretrain.models.heads.margin_head',
    'mmpretrain.models.heads.vqa_head',
    'mmpretrain.models.utils.clip_generator_helper',
    'mmpretrain.models.utils.huggingface',
    'mmpretrain.models.utils.tokenizer',
    'mmpretrain.models.utils.vector_quantizer',
)

_REMEDY = (
    'Configs inside data are not run. If you trust the file, pass the config '
    'file of its training with --config FILE (model=FILE in Python).'
)
_source: ContextVar[str | None] = ContextVar('source', default=None)


def saved_config(checkpoint: Any, source: str) -> Config:
    """Read the config that a checkpoint carries in ``meta['cfg']``.

    Args:
        checkpoint: Content of the file.
        source: Path of the file, for messages.

    Raises:
        ValueError: There is no config, or see :func:`parse_saved_config`.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    text = meta.get('cfg') if isinstance(meta, dict) else None
    if text is None:
        raise ValueError(
            f'{source}: there is no config in this checkpoint. Pass it with '
            '--config FILE (model=FILE in Python).'
        )
    return parse_saved_config(text, source)


def dump_literals(config: Config) -> str:
    """Write a config as text that :func:`parse_saved_config` reads back.

    Unlike ``Config.pretty_text``, it escapes the keys of a dict.
    """
    lines = [f'{k} = {v!r}\n' for k, v in config.to_dict().items()]
    return ''.join(lines)


def parse_saved_config(
    text: Any, source: str, remedy: str = _REMEDY
) -> Config:
    """Read the text of a config without running it.

    Args:
        text: Text of :func:`dump_literals` or ``Config.pretty_text``.
        source: Where the text was found, for messages.
        remedy: End of the message if the text is refused.

    Returns:
        The config. Its ``custom_imports`` are not imported.

    Raises:
        ValueError: The text contains anything but assignments of literals, or
            the config needs other modules; the message names the source, the
            line and the remedy.
    """
    if not isinstance(text, str):
        raise ValueError(
            f'{source}: its config is {type(text).__name__}, not text. '
            f'{remedy}'
        )
    try:
        content = dict(_assignments(ast.parse(text)))
    except _NotALiteralError as error:
        node = error.args[0]
        raise ValueError(
            f'{source}: line {node.lineno} of the config inside is not a '
            f'literal: {(ast.get_source_segment(text, node) or "")[:60]!r}. '
            f'{remedy}'
        ) from None
    except (
        SyntaxError,
        TypeError,  # a list as a key
        ValueError,
        RecursionError,
        MemoryError,  # raised by the parser for deep nesting
    ) as error:
        raise ValueError(
            f'{source}: the config inside cannot be read: {error}. {remedy}'
        ) from error
    _check_imports(content.get('custom_imports'), source, remedy)
    # The scope outlives the building: a later lookup would import
    # SCOPE.registry.
    scope = content.get('default_scope')
    if scope is not None and scope not in TRUSTED_PACKAGES:
        raise ValueError(
            f'{source}: default_scope={scope!r} of the config inside is not '
            f'one of {", ".join(TRUSTED_PACKAGES)}. {remedy}'
        )
    try:
        return Config(content)
    except KeyError as error:
        raise ValueError(f'{source}: {error.args[0]}. {remedy}') from error


class _NotALiteralError(Exception):
    """Error for a syntax node, its argument, that is not a literal."""


def _assignments(module: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in module.body:
        if not (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
        ):
            raise _NotALiteralError(node)
        yield node.targets[0].id, _literal(node.value)


def _literal(node: ast.expr) -> Any:
    """Evaluate a literal, ``dict(...)`` or a container of these."""
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = map(_literal, node.keys)
        return dict(zip(keys, map(_literal, node.values)))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = dict(List=list, Tuple=tuple, Set=set)[type(node).__name__]
        return kind(map(_literal, node.elts))
    if isinstance(node, ast.Call):
        # MMEngine writes dict({...}) if a key is not an identifier.
        args = [x for x in node.args if isinstance(x, ast.Dict)]
        named = all(keyword.arg for keyword in node.keywords)
        is_dict = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        if not (is_dict and named and len(args) == len(node.args) < 2):
            raise _NotALiteralError(node)
        named = {x.arg: _literal(x.value) for x in node.keywords}
        return {**(_literal(args[0]) if args else {}), **named}
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _NotALiteralError(node) from None


def _check_imports(custom_imports: Any, source: str, remedy: str) -> None:
    """Refuse a config that needs modules of other packages."""
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
    ]
    if missing:
        raise ValueError(
            f'{source}: the config inside imports {", ".join(missing)}, which '
            f'is code. {remedy}'
        )


@contextmanager
def components_of_data(source: str) -> Iterator[None]:
    """Context in which registries build only networks and transforms.

    Otherwise MMEngine resolves ``dict(type='os.system', command=...)`` to the
    function of that name and imports ``NAME.registry`` for ``type='NAME.X'``,
    and some of the registered classes load pickles. See
    :func:`fer_ssl.compat.hold_registries_to_components`.

    Args:
        source: Where the config was found, for messages.

    Raises:
        ValueError: The config names something else, or does not describe a
            network.
    """
    token = _source.set(source)
    try:
        yield
    except (
        AssertionError,
        AttributeError,
        LookupError,
        NotImplementedError,
        TypeError,
    ) as error:
        raise ValueError(
            f'{source}: no network can be built from the config inside '
            f'({type(error).__name__}: {error}). {_REMEDY}'
        ) from error
    finally:
        _source.reset(token)


def may_import(name: str) -> bool:
    """Return whether a registry may now import the module of this name."""
    trusted = name.partition('.')[0] in TRUSTED_PACKAGES
    return _source.get() is None or trusted


def check_component(name: str, found: Any) -> None:
    """Refuse anything but parts of networks and image transforms.

    Args:
        name: The ``type`` that was looked up in a registry.
        found: What was found; ``None`` if nothing.

    Raises:
        ValueError: Only within :func:`components_of_data`.
    """
    if _source.get() is None:
        return
    module = f'{getattr(found, "__module__", "")}.'
    if (
        not inspect.isclass(found)
        # torchvision/...: mmpretrain evaluates the text of a dtype.
        or '/' in name
        # It calls any function of the library by name.
        or found.__name__ == 'Albumentations'
        or not module.startswith(_TRUSTED_MODULES)
        or module.startswith(tuple(f'{x}.' for x in _REFUSED_MODULES))
    ):
        raise ValueError(
            f'{_source.get()}: the config inside names {name!r}, which is not '
            'a network, a part of one or an image transform in '
            f'{", ".join(TRUSTED_PACKAGES)}. {_REMEDY}'
        )
