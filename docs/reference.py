"""What the site says of configs and components, read from them.

Every function returns Markdown. A page asks for it by a comment,
``<!-- generated: components HOOKS -->``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
CONFIGS = ROOT / 'configs'
TOOLS = ROOT / 'tools'

# Options of many components, which their docstrings need not repeat.
COMMON = {
    'init_cfg': "Start weights, as MMEngine's ``BaseModule`` takes them.",
    'data_root': 'Folder that the paths are relative to.',
    'metainfo': '``dict(classes=...)``, where they are not the default ones.',
    'train_cfg': 'Handed to the base class.',
    'test_cfg': 'Handed to the base class.',
}
# What the runner gives, not the config.
GIVEN = ('runner', 'dataloader', 'optim_wrapper_cfg', 'paramwise_cfg')


def table(header: tuple, rows: list[tuple]) -> str:
    rows = [tuple(cell.replace('|', r'\|') for cell in row) for row in rows]
    lines = [header, ('---',) * len(header), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def to_markdown(text: str) -> str:
    """One line of Markdown of a piece of a docstring."""
    text = re.sub(r':\w+:`~?([^`]+)`', r'`\1`', text)
    text = re.sub(r'(?<!`)``([^`]+)``(?!`)', r'`\1`', text)
    return ' '.join(text.split())


# --------------------------------------------------------------------------
# Components
# --------------------------------------------------------------------------
def registered(registry: str, module: str = '') -> dict[str, type]:
    """Components of this package in a root registry, by name.

    Args:
        registry: Name of the registry in ``mmengine.registry``.
        module: Keep those of this module of the package, e.g. ``models``.
    """
    import fer_ssl  # noqa: F401  (names its locations to the registries)

    registry = getattr(importlib.import_module('mmengine.registry'), registry)
    registry.import_from_location()
    prefix = f'fer_ssl.{module}'.rstrip('.')
    return {
        name: registry.module_dict[name]
        for name in sorted(registry.module_dict)
        if f'{registry.module_dict[name].__module__}.'.startswith(f'{prefix}.')
    }


def argument_docs(component: type) -> dict[str, str]:
    """Entries of the section ``Args`` of a docstring, by argument."""
    text = inspect.cleandoc(component.__doc__ or '')
    section = re.search(r'^Args:\n((?:[ ]+.*\n?|\n)+)', text, re.MULTILINE)
    if not section:
        return {}
    entries = re.split(r'^ {4}(?=\S)', section[1], flags=re.MULTILINE)
    pairs = [entry.partition(':') for entry in entries if entry.strip()]
    return {
        argument.strip(): to_markdown(description)
        for names, _, description in pairs
        for argument in names.split(',')
    }


def options(component: type) -> tuple[list[tuple[str, str, str]], list[type]]:
    """Options of a component: (name, default, description).

    A class that takes ``**kwargs`` has the options of its base class as well.

    Returns:
        The options, and the classes of other packages that take the rest.
    """
    found, others = {}, []
    docs = {name: to_markdown(text) for name, text in COMMON.items()}
    for base in reversed(component.__mro__):
        docs.update(argument_docs(base))
    for base in component.__mro__:
        if '__init__' not in vars(base):
            continue
        if not base.__module__.startswith('fer_ssl'):
            others.append(base)
            break
        parameters = list(inspect.signature(base).parameters.values())
        for parameter in parameters:
            variadic = (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            if parameter.kind in variadic or parameter.name in GIVEN:
                continue
            default = (
                ''
                if parameter.default is parameter.empty
                else f'`{parameter.default!r}`'
            )
            found.setdefault(parameter.name, default)
        if not any(x.kind == x.VAR_KEYWORD for x in parameters):
            break
    return [(x, found[x], docs.get(x, '')) for x in found], others


def components(registry: str, module: str = '') -> str:
    """Every component of a registry with its options."""
    parts = []
    for name, component in registered(registry, module).items():
        summary = inspect.cleandoc(component.__doc__).partition('\n\n')[0]
        rows, others = options(component)
        parts += [f'### {name}', to_markdown(summary)]
        if rows:
            rows = [(f'`{option}`', *rest) for option, *rest in rows]
            parts.append(table(('option', 'default', 'meaning'), rows))
        name = f'{component.__module__}.{component.__qualname__}'
        parts.append(f'Details: {{py:class}}`~{name}`.')
        if others and others[0] is not object:
            base = f'{others[0].__module__}.{others[0].__qualname__}'
            parts.append(f'Further options: those of `{base}`.')
    return '\n\n'.join(parts)


# --------------------------------------------------------------------------
# Configs, tools, modules
# --------------------------------------------------------------------------
def header(path: Path) -> str:
    """First paragraph of the comment at the head of a config."""
    lines = []
    for line in path.read_text(encoding='utf-8').splitlines():
        text = line[2:]
        if not line.startswith('# ') or text.startswith('  '):
            break
        lines.append(text)
    return to_markdown(' '.join(lines))


def configs() -> str:
    """Every config with the first sentence of its header."""
    rows = []
    for path in sorted(CONFIGS.rglob('*.py')):
        place = path.relative_to(CONFIGS)
        if place.parts[0] != '_base_':
            sentence = re.split(r'(?<=\.)\s(?=[A-Z]|$)', header(path))[0]
            rows.append((f'`{place}`', sentence))
    return table(('config', 'what it is'), rows)


def environment_variables() -> dict[str, dict[str, list[str]]]:
    """Variables that configs read: name to default to names of the configs."""
    found = defaultdict(lambda: defaultdict(list))
    for path in sorted(CONFIGS.rglob('*.*')):
        if path.suffix in ('.py', '.yml'):
            text = path.read_text(encoding='utf-8')
            for name, default in re.findall(r'{{\$(\w+):(.*?)}}', text):
                place = path.relative_to(CONFIGS).as_posix()
                if place not in found[name][default]:
                    found[name][default].append(place)
    return found


def environment() -> str:
    """Where every environment variable is read, and its default there."""
    rows = [
        (f'`{name}`', f'`{default}`', ', '.join(f'`{x}`' for x in places))
        for name, defaults in sorted(environment_variables().items())
        for default, places in defaults.items()
    ]
    return table(('variable', 'default', 'read by'), rows)


def tools() -> str:
    """Every Python script of tools/ with the first line of its docstring."""
    rows = []
    for path in sorted(TOOLS.rglob('*.py')):
        doc = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))
        place = path.relative_to(TOOLS).with_suffix('')
        summary = doc.partition('\n\n')[0] if doc else ''
        rows.append((f'`{":".join(place.parts)}`', to_markdown(summary)))
    return table(('script', 'what it does'), rows)


def modules(*names: str) -> str:
    """API of modules, and of all modules below those that are packages."""
    parts = []
    for name in names:
        package = importlib.import_module(name)
        below = pkgutil.walk_packages(
            getattr(package, '__path__', []), f'{name}.'
        )
        for module in [name, *(x.name for x in below)]:
            if hasattr(importlib.import_module(module), '__path__'):
                continue  # an __init__.py only repeats what is below it
            parts += [
                f'## {module.removeprefix("fer_ssl.")}',
                '```{eval-rst}\n.. automodule:: ' + module + '\n```',
            ]
    return '\n\n'.join(parts)


def top_level_modules() -> str:
    """API of the modules that are in no package."""
    import fer_ssl

    found = pkgutil.iter_modules(fer_ssl.__path__, 'fer_ssl.')
    names = [x.name for x in found if not x.ispkg]
    return modules(*(x for x in names if x != 'fer_ssl.version'))


def pages(*names: str) -> str:
    """Those of the pages that exist, for a toctree."""
    return '\n'.join(x for x in names if (DOCS / f'{x}.md').exists())


def other_pages() -> str:
    """A toctree of the pages that index.md does not name."""
    index = (DOCS / 'index.md').read_text(encoding='utf-8')
    listed = re.findall(
        r'^(?:<!-- generated: pages )?(\w+)(?: -->)?$', index, re.MULTILINE
    )
    names = sorted({x.stem for x in DOCS.glob('*.md')} - {*listed, 'index'})
    if not names:
        return ''
    body = '\n'.join([':caption: More', ':maxdepth: 1', '', *names])
    return '```{toctree}\n' + body + '\n```'
