"""An install contains the files of the repository that it needs."""

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections import Counter
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
FILES = (
    '.gitignore',
    '.pre-commit-config.yaml',
    'CHANGELOG.md',
    'CITATION.cff',
    'CONTRIBUTING.md',
    'LICENSE',
    'MANIFEST.in',
    'README.md',
    'model-index.yml',
    'pyproject.toml',
    'setup.py',
)
FOLDERS = (
    '.ci',
    'configs',
    'docs',
    'projects',
    'requirements',
    'tests',
    'tools',
)
LEFT_BEHIND = (
    '.pytest_cache/README.md',
    '.venv/lib/module.py',
    'build/lib/fer_ssl/removed_long_ago.py',
    'configs/work_dirs/toy/toy.py',
    'data/labels.csv',
    'projects/fer_ssl/.mim/tools/train.py',
    'projects/fer_ssl/__pycache__/labels.cpython-311.pyc',
    'site/index.html',
    'tests/.pytest_cache/README.md',
    'work_dirs/toy/toy.py',
)


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """Copy to build in, with files that runs and tools leave in a checkout."""
    checkout = tmp_path_factory.mktemp('checkout')
    for name in FILES:
        shutil.copy(ROOT / name, checkout)
    for name in FOLDERS:
        ignore = shutil.ignore_patterns(
            '.*_cache', '.mim', '*.egg-info', '__pycache__', 'work_dirs'
        )
        shutil.copytree(ROOT / name, checkout / name, ignore=ignore)
    for name in LEFT_BEHIND:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    return checkout


def build(checkout, kind, out, python=sys.executable):
    """Build with the installed setuptools, as there may be no network."""
    code = f'import setuptools.build_meta as b; b.build_{kind}({str(out)!r})'
    subprocess.run([python, '-c', code], cwd=checkout, check=True, text=True)
    (file,) = out.iterdir()
    return file


@pytest.fixture(scope='module')
def wheel(checkout, tmp_path_factory):
    return build(checkout, 'wheel', tmp_path_factory.mktemp('wheel'))


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel):
    (name,) = [x for x in contents(wheel) if x.endswith('/METADATA')]
    return contents(wheel)[name]


def sources():
    for folder in ('configs', 'tools'):
        for file in (ROOT / folder).rglob('*'):
            source = file.suffix in ('.py', '.sh', '.yml')
            file = file.relative_to(ROOT)
            if source and 'work_dirs' not in file.parts:
                yield file.as_posix()


CHECKOUT_ONLY = 'tools/benchmark/face2exp_loop.py'


def test_wheel_carries_the_files_for_mim(wheel):
    names = contents(wheel)
    for file in (*sources(), 'model-index.yml'):
        packed = f'fer_ssl/.mim/{file}' in names
        assert packed == (file != CHECKOUT_ONLY), file
    for file in (ROOT / 'projects').rglob('*.py'):
        assert file.relative_to(ROOT / 'projects').as_posix() in names


def test_checkpoint_and_its_card_are_carried(wheel):
    names = contents(wheel)
    folder = ROOT / 'projects/fer_ssl/checkpoints'
    for name in ('ferplus_starter.pth', 'README.md'):
        carried = names[f'fer_ssl/checkpoints/{name}']
        assert carried == (folder / name).read_bytes()


def test_editable_wheel_leads_back_to_the_checkout(checkout, tmp_path):
    wheel = zipfile.ZipFile(build(checkout, 'editable', tmp_path))
    config = wheel.read('fer_ssl/.mim/configs/spatial_r50.py').decode()
    assert config == f"_base_ = '{checkout}/configs/spatial_r50.py'\n"
    script = wheel.read('fer_ssl/.mim/tools/train.py').decode()
    assert f"run_path('{checkout}/tools/train.py'" in script
    links = checkout / 'projects/fer_ssl/.mim'
    assert (links / 'tools/train.py').samefile(checkout / 'tools/train.py')

    (record,) = [x for x in wheel.namelist() if x.endswith('RECORD')]
    rows = csv.reader(io.StringIO(wheel.read(record).decode()))
    recorded = {name: (digest, size) for name, digest, size in rows}
    assert set(recorded) == set(wheel.namelist())
    for name, (digest, size) in recorded.items():
        if name != record:
            data = wheel.read(name)
            raw = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
            assert digest == 'sha256=' + raw.decode().rstrip('=')
            assert size == str(len(data))


@pytest.fixture(scope='module')
def unpacked(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp('sdist')
    sdist = build(checkout, 'sdist', folder / 'dist')
    shutil.unpack_archive(sdist, folder)
    return folder / sdist.name[: -len('.tar.gz')]


def test_sdist_holds_what_is_under_version_control(unpacked):
    listing = ['git', 'ls-files', '-z', '--cached', '--others']
    listing.append('--exclude-standard')
    if not (shutil.which('git') and (ROOT / '.git').exists()):
        pytest.skip('no git checkout')
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    expected = {x for x in done.stdout.split('\0') if (ROOT / x).is_file()}
    found = {
        path.relative_to(unpacked).as_posix()
        for path in unpacked.rglob('*')
        if path.is_file() and path.parent.suffix != '.egg-info'
    }
    assert found - {'PKG-INFO', 'setup.cfg'} == expected


def test_wheel_of_the_sdist_is_that_of_the_checkout(unpacked, wheel, tmp_path):
    assert contents(build(unpacked, 'wheel', tmp_path)) == contents(wheel)


def test_wheel_does_not_depend_on_where_it_is_built(checkout, tmp_path):
    built = []
    for name in ('without_mmcv', 'with_mmcv'):
        env = tmp_path / name
        venv.create(env)
        (packages,) = env.glob('lib/python*/site-packages')
        packages.joinpath('shared.pth').write_text('\n'.join(sys.path))
        if name == 'with_mmcv':
            (packages / 'mmcv').mkdir()
            (packages / 'mmcv/__init__.py').touch()
        python = env / 'bin/python'
        built.append(build(checkout, 'wheel', env / 'dist', python))
    first, second = map(metadata, built)
    assert first == second
    needed = message_from_bytes(first).get_all('Requires-Dist')
    mmcv = [x for x in map(Requirement, needed) if x.name.startswith('mmcv')]
    assert [str(x) for x in mmcv] == ['mmcv-lite<2.2,>=2.1; extra == "lite"']


def test_versions_of_python(wheel):
    accepted = SpecifierSet(
        message_from_bytes(metadata(wheel))['Requires-Python']
    )
    for version, works in {
        '3.8.18': False,
        '3.9.0': True,
        '3.14.0': True,
        '3.15.0': False,
        '3.15.0rc1': False,
    }.items():
        assert accepted.contains(version, prereleases=True) is works, version


def test_versions_of_python_are_the_same_everywhere():
    for name, text in {
        'README.md': 'Python 3.9 to 3.14',
        'docs/get_started.md': 'Python 3.9 to 3.14',
        'docs/installation.md': 'Python 3.9 to 3.14',
        'setup.py': '>=3.9,<3.15',
        'tools/setup_env.sh': '(3, 9) <= sys.version_info < (3, 15)',
    }.items():
        assert text in (ROOT / name).read_text(), name


def test_python_versions(wheel):
    # Not by pip: before 25.0 it ignores --python-version for a local wheel.
    required = message_from_bytes(metadata(wheel))['Requires-Python']
    versions = ['3.8.20', '3.9.0', '3.14.9', '3.15.0b1', '3.15.0']
    assert [x in SpecifierSet(required) for x in versions] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_every_folder_of_the_package_is_a_package():
    folders = {x.parent for x in (ROOT / 'projects/fer_ssl').rglob('*.py')}
    assert [x for x in folders if not (x / '__init__.py').exists()] == []


def test_names_that_mim_looks_up_are_unique():
    names = Counter(x.name for x in (ROOT / 'configs').rglob('*.py'))
    for folder in ('tools', 'projects/fer_ssl'):
        names.update({x.name for x in (ROOT / folder).rglob('*.py')})
    configs = {x.name for x in (ROOT / 'configs').rglob('*.py')}
    assert [x for x in configs if names[x] > 1] == []


def metafiles():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    return {
        name: yaml.safe_load((ROOT / name).read_text())
        for name in index['Import']
    }


def test_model_index_imports_every_metafile():
    found = {
        x.relative_to(ROOT).as_posix()
        for x in (ROOT / 'configs').rglob('metafile.yml')
    }
    assert found == set(metafiles())


@pytest.mark.parametrize('name', metafiles())
def test_metafiles_name_what_exists(name):
    metafile = metafiles()[name]
    collections = {x['Name']: x for x in metafile['Collections']}
    for collection in collections.values():
        assert (ROOT / collection['README']).is_file()
    for model in metafile['Models']:
        assert model['In Collection'] in collections
        config = ROOT / model['Config']
        assert config.is_file() and config.stem == model['Name']
        assert config.parent == (ROOT / name).parent
        assert 'Weights' not in model, 'none are published'


@pytest.mark.parametrize('name', metafiles())
def test_metafiles_repeat_numbers_of_the_docs(name):
    docs = [ROOT / 'docs' / x for x in ('results.md', 'paper_b.md')]
    text = ' '.join(path.read_text() for path in docs)
    known = {float(x) for x in re.findall(r'\d*\.\d+', text)}
    for model in metafiles()[name]['Models']:
        for result in model.get('Results', ()):
            assert re.search(r"paper's own|ours, \d", result['Dataset'])
            for value in result['Metrics'].values():
                # Paper B gives its percentages as .4561.
                assert known & {value, round(value / 100, 4)}, model['Name']


def test_all_requirements_are_pinned():
    folder = ROOT / 'requirements'
    pins = (folder / 'constraints.txt').read_text()
    pinned = set(re.findall(r'^([\w.-]+)==', pins, re.MULTILINE))
    for name in (
        'runtime',
        'lite',
        'mmaction',
        'onedl',
        'tests',
        'optional',
        'onnx',
        'web',
        'docs',
    ):
        text = (folder / f'{name}.txt').read_text()
        for wanted in re.findall(r'^([\w-]+)', text, re.MULTILINE):
            assert wanted.lower().replace('_', '-') in pinned


def requirements(name):
    text = (ROOT / 'requirements' / f'{name}.txt').read_text()
    lines = [line.partition('#')[0].strip() for line in text.splitlines()]
    return [Requirement(line) for line in lines if line]


def test_onedl_replaces_three_packages_only():
    plain, onedl = (
        {str(wanted) for wanted in requirements(name)}
        for name in ('runtime', 'onedl')
    )
    assert {Requirement(x).name for x in plain - onedl} == {
        'mmengine',
        'mmpretrain',
    }
    assert {Requirement(x).name for x in onedl - plain} == {
        'onedl-mmcv',
        'onedl-mmengine',
        'onedl-mmpretrain',
    }


def test_lowest_versions_are_the_lower_bounds():
    bounds = {
        wanted.name: specifier.version
        for name in ('runtime', 'lite', 'mmaction', 'optional', 'onnx', 'web')
        for wanted in requirements(name)
        for specifier in wanted.specifier
        if specifier.operator == '>='
    }
    lowest = {}
    for pin in requirements('lowest'):
        (specifier,) = pin.specifier
        assert specifier.operator == '=='
        lowest[pin.name] = specifier.version
    assert set(lowest) == set(bounds)
    for name, bound in bounds.items():
        assert f'{lowest[name]}.'.startswith(f'{bound}.'), name
    assert int(lowest['torchvision'].split('.')[1]) == (
        int(lowest['torch'].split('.')[1]) + 15
    )
    tried = (ROOT / 'docs/installation.md').read_text()
    assert f'| {lowest["torch"]}, {lowest["torchvision"]} |' in tried
