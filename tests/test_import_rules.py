"""Which part of the package may import which: see docs/architecture.md."""

import ast
import re
from pathlib import Path

import fer_ssl

ROOT = Path(fer_ssl.__file__).parent
PAGE = Path(__file__).parents[1] / 'docs/architecture.md'
#: Modules on the first level and folders, and what each may import.
MAY_IMPORT = {
    '__init__': 'compat missing_mmcv version',
    'labels': '',
    'version': '',
    'missing_mmcv': '',
    'utils': '',
    'compat': 'utils',
    'launch': 'utils',
    'media': 'utils',
    'face_detection': 'media utils',
    'datasets': 'labels media utils',
    'data_preparation': 'datasets face_detection labels media utils version',
    'models': 'compat labels utils',
    'evaluation': 'datasets labels utils',
    'features': 'datasets media models utils',
    'visualization': 'evaluation labels media utils',
    'engine': 'datasets evaluation models utils visualization',
    'apis': 'datasets evaluation face_detection labels launch media models '
    'utils visualization',
    'web': 'apis launch media visualization',
    'experiments': 'datasets evaluation labels launch models utils '
    'visualization',
    'benchmarks': 'apis data_preparation datasets engine evaluation '
    'experiments features labels models utils',
}


def imports_of(path):
    """Parts of the package that a module of it imports."""
    package = ['fer_ssl', *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text('utf-8'))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1]
            base = '.'.join(
                [*(above if node.level else ()), node.module or '']
            )
            names = [f'{base}.{alias.name}' for alias in node.names]
        else:
            continue
        for name in names:
            top, *rest = [part for part in name.split('.') if part]
            if top == 'fer_ssl' and rest:
                yield rest[0]


def test_imports_go_one_way():
    rooms = set()
    for path in ROOT.rglob('*.py'):
        if '.mim' in path.parts:
            continue
        room = path.relative_to(ROOT).parts[0].removesuffix('.py')
        allowed = {room, *MAY_IMPORT[room].split()}
        rooms.add(room)
        found = set(imports_of(path))
        assert found <= allowed, (path, found - allowed)
    assert rooms == set(MAY_IMPORT)


def test_the_page_has_the_same_table():
    text = PAGE.read_text('utf-8').partition('## Who may import whom')[2]
    rows = re.findall(r'^\| `(\w+)` \| (.*) \|$', text, re.MULTILINE)
    assert {part: re.findall(r'`(\w+)`', names) for part, names in rows} == {
        part: names.split() for part, names in MAY_IMPORT.items()
    }
