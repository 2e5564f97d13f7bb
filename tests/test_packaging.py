"""What is in the repository agrees with what an install carries."""

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BUILT = ('README.md', 'setup.py', 'pyproject.toml', 'MANIFEST.in')
COPIED = ('projects', 'configs', 'tools', 'requirements')


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A copy to build in, as builds write beside the sources."""
    checkout = tmp_path_factory.mktemp('checkout')
    for name in (*BUILT, 'model-index.yml', 'LICENSE'):
        shutil.copy(ROOT / name, checkout)
    for name in COPIED:
        ignore = shutil.ignore_patterns('.mim', '*.egg-info', '__pycache__')
        shutil.copytree(ROOT / name, checkout / name, ignore=ignore)
    return checkout


def build(checkout, kind, out):
    """Build with the installed setuptools, as there may be no network."""
    code = f'import setuptools.build_meta as b; b.build_{kind}({str(out)!r})'
    subprocess.run(
        [sys.executable, '-c', code], cwd=checkout, check=True, text=True
    )
    (file,) = out.iterdir()
    return file


def sources():
    for folder in ('configs', 'tools'):
        for file in (ROOT / folder).rglob('*'):
            if file.suffix in ('.py', '.sh', '.yml'):
                yield file.relative_to(ROOT).as_posix()


def test_wheel_carries_the_files_for_mim(checkout, tmp_path):
    (checkout / 'build/lib/fer_ssl').mkdir(parents=True)
    (checkout / 'build/lib/fer_ssl/removed_long_ago.py').touch()
    names = zipfile.ZipFile(build(checkout, 'wheel', tmp_path)).namelist()
    for file in (*sources(), 'model-index.yml'):
        assert f'fer_ssl/.mim/{file}' in names
    for file in (ROOT / 'projects').rglob('*.py'):
        assert file.relative_to(ROOT / 'projects').as_posix() in names
    assert 'fer_ssl/removed_long_ago.py' not in names


def test_checkpoint_is_carried(checkout, tmp_path):
    folder = checkout / 'projects/fer_ssl/checkpoints'
    folder.mkdir(exist_ok=True)
    for name in ('faces_starter.pth', 'faces_starter.md'):
        (folder / name).write_bytes(b'content')
    wheel = zipfile.ZipFile(build(checkout, 'wheel', tmp_path / 'wheel'))
    with tarfile.open(build(checkout, 'sdist', tmp_path / 'sdist')) as sdist:
        names = [x.partition('/')[2] for x in sdist.getnames()]
    for name in ('faces_starter.pth', 'faces_starter.md'):
        assert wheel.read(f'fer_ssl/checkpoints/{name}') == b'content'
        assert f'projects/fer_ssl/checkpoints/{name}' in names


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


def test_sdist_can_be_built_from(checkout, tmp_path):
    sdist = build(checkout, 'sdist', tmp_path / 'sdist')
    shutil.unpack_archive(sdist, tmp_path)
    unpacked = tmp_path / sdist.name.removesuffix('.tar.gz')
    wheel = build(unpacked, 'wheel', tmp_path / 'wheel')
    names = zipfile.ZipFile(wheel).namelist()
    assert 'fer_ssl/.mim/tools/dist_train.sh' in names


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
    for name in ('runtime', 'tests', 'optional', 'docs'):
        text = (folder / f'{name}.txt').read_text()
        for wanted in re.findall(r'^([\w-]+)', text, re.MULTILINE):
            assert wanted.lower().replace('_', '-') in pinned
