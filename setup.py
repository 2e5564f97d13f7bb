"""Build of ``fer_ssl``, including the files that ``mim`` looks for.

``mim`` runs ``<package>/.mim/tools/train.py`` and finds configs by their file
names below ``<package>/.mim``. A wheel contains copies of these files. An
editable install contains stubs that refer to the checkout.
"""

import base64
import hashlib
import shutil
import zipfile
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent
PACKAGE = ROOT / 'projects' / 'fer_ssl'
MIM_PARTS = ('configs', 'tools', 'model-index.yml')
# Runs the code of a clone of another project, for one row of a benchmark.
CHECKOUT_ONLY = Path('tools/benchmark/face2exp_loop.py')


def read_requirements(name):
    """Read the lines of a requirements file, without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    lines = [line.partition('#')[0].strip() for line in lines]
    return [line for line in lines if line]


def mim_files():
    """Yield the files for ``.mim``, as paths relative to the checkout."""
    for part in MIM_PARTS:
        path = ROOT / part
        for file in [path] if path.is_file() else sorted(path.rglob('*')):
            source = file.suffix in ('.py', '.sh', '.yml')
            file = file.relative_to(ROOT)
            # A work directory in there holds copies of configs by mmengine.
            if (
                source
                and 'work_dirs' not in file.parts
                and file != CHECKOUT_ONLY
            ):
                yield file


class BuildPy(build_py):
    """Adds ``fer_ssl/.mim`` to a regular build."""

    def run(self):
        if self.editable_mode:
            return super().run()
        # setuptools would also pack what an earlier build left here.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        for file in mim_files():
            copy = Path(self.build_lib, 'fer_ssl', '.mim', file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy)


class EditableWheel(editable_wheel):
    """Adds ``fer_ssl/.mim`` to an editable install, in two places.

    Plain ``mim`` looks into site-packages, which gets stubs that run the tools
    and inherit from the configs of the checkout. With ``PYTHONPATH=projects``
    it looks into the checkout, which gets symbolic links.
    """

    def run(self):
        super().run()
        (wheel,) = Path(self.dist_dir).glob('fer_ssl-*.whl')
        stubs = {f'fer_ssl/.mim/{file}': stub(file) for file in mim_files()}
        add_to_wheel(wheel, stubs)
        links = PACKAGE / '.mim'
        shutil.rmtree(links, ignore_errors=True)
        links.mkdir()
        for part in MIM_PARTS:
            (links / part).symlink_to(Path('../../..', part))


def stub(file):
    """Return the text of the stub for a file of the checkout."""
    path = ROOT / file
    if file.parts[0] == 'configs' and file.suffix == '.py':
        return f'_base_ = {str(path)!r}\n'
    if file.suffix == '.py':
        # The folder of a script is on the path, as when it is run directly.
        return (
            'import runpy\nimport sys\n\n'
            f'sys.path.insert(0, {str(path.parent)!r})\n'
            f'runpy.run_path({str(path)!r}, run_name="__main__")\n'
        )
    if file.suffix == '.sh':
        return f'exec bash {str(path)!r} "$@"\n'
    return path.read_text()


def add_to_wheel(wheel, texts):
    """Add files to a wheel and to its RECORD, so that pip removes them."""
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    # A wheel lists its files with their hashes in RECORD.
    (record,) = [x for x in contents if x.endswith('.dist-info/RECORD')]
    lines = contents.pop(record).decode().splitlines()
    for name, text in texts.items():
        data = contents[name] = text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
        lines.append(
            f'{name},sha256={digest.decode().rstrip("=")},{len(data)}'
        )
    contents[record] = '\n'.join([*lines, '']).encode()
    with zipfile.ZipFile(wheel, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


# Run instead of imported: fer_ssl needs packages that a build does not have.
version = {}
exec((PACKAGE / 'version.py').read_text(), version)

setup(
    name='fer_ssl',
    version=version['__version__'],
    description='Semi-supervised facial expression recognition in images and '
    'videos, for OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    package_dir={'': 'projects'},
    packages=find_packages('projects'),
    package_data={
        'fer_ssl': [
            'apis/*.j2',
            'checkpoints/*',
            'face_detection/*.LICENSE',
            'face_detection/*.onnx',
            'visualization/report/*.css',
            'visualization/report/*.j2',
            'web/*.css',
            'web/*.j2',
        ]
    },
    # The versions with which trainings were tried: docs/installation.md.
    python_requires='>=3.9,<3.15',
    install_requires=read_requirements('runtime'),
    extras_require={
        # Not a requirement: mmcv and mmcv-lite install into the same folder,
        # so requiring it would overwrite an installed mmcv.
        'lite': read_requirements('lite'),
        # Only for configs that name recognizers of mmaction2.
        'mmaction': read_requirements('mmaction'),
        'onnx': read_requirements('onnx'),
        'optional': read_requirements('optional'),
        'tests': read_requirements('tests'),
        'web': read_requirements('web'),
    },
    cmdclass={'build_py': BuildPy, 'editable_wheel': EditableWheel},
)
