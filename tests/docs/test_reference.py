"""The config reference agrees with the code."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs/config_reference.md').read_text()
CONFIGS = sorted(ROOT.glob('configs/**/*.py'))
REGISTRIES = re.findall(r'generated: components (\w+)', PAGE)


@pytest.fixture(scope='module')
def reference():
    path = ROOT / 'docs/reference.py'
    spec = importlib.util.spec_from_file_location('reference', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented(section):
    """First column of the table of a section of the page."""
    text = PAGE.partition(f'## {section}\n')[2].partition('\n## ')[0]
    cells = re.findall(r'^\| (`.*?) \|', text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r'`(\w+)`', cell)}


def test_every_environment_variable_is_explained(reference):
    found = set(reference.environment_variables())
    assert {'FER_SSL_DATA', 'FER_SSL_FACES'} <= found
    assert found <= documented('Environment variables')
    assert '| `FER_SSL_FACES` | `data/faces` | ' in reference.environment()


def test_every_variable_of_the_runner_is_explained():
    known = set(inspect.signature(Runner.__init__).parameters)
    used = {
        key
        for path in CONFIGS
        if '_base_' not in path.parts
        for key in Config.fromfile(path)
    }
    own = {'custom_imports', 'data_root', 'extract_dataloader', 'compile'}
    variables = documented('Variables of a config')
    assert (used & known) | own <= variables


def test_every_registry_with_components_is_on_the_page(reference):
    import mmengine.registry

    for name in mmengine.registry.__all__:
        registry = getattr(mmengine.registry, name)
        if isinstance(registry, mmengine.registry.Registry):
            if reference.registered(name):
                assert name in REGISTRIES, name


@pytest.mark.parametrize('registry', sorted(set(REGISTRIES)))
def test_every_option_is_explained(reference, registry):
    components = reference.registered(registry)
    assert components
    for name, component in components.items():
        for option, _, meaning in reference.options(component)[0]:
            assert meaning, f'{name}: {option} is not in the docstring'


def test_options_of_base_classes(reference):
    faces = reference.registered('DATASETS')['FaceDataset']
    rows, others = reference.options(faces)
    rows = {name: (default, text) for name, default, text in rows}
    assert rows['ann_file'] == ('', 'CSV file, relative to `data_root`.')
    assert rows['labeled_per_class'][0] == '`None`'
    assert 'every annotated face' in rows['labeled_per_class'][1]
    assert [base.__name__ for base in others] == ['BaseDataset']


def test_headers_of_configs(reference):
    path = ROOT / 'configs/demo/demo_b_va.py'
    header = 'Paper B on the synthetic videos, task VA.'
    assert reference.header(path) == header
    assert f'| `demo/demo_b_va.py` | {header} |' in reference.configs()
    for line in reference.tools().splitlines()[2:]:
        assert not line.endswith('|  |'), f'{line}: no docstring'
