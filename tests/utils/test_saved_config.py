"""The config inside a checkpoint is data: whatever it says, nothing runs."""

import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, TRANSFORMS
from mmengine.runner import Runner

import fer_ssl  # holds the registries
from fer_ssl.utils.saved_config import (
    components_of_data,
    parse_saved_config,
    saved_config,
)

RUNS = "__import__('pathlib').Path({trace!r}).touch()"
HOSTILE = {
    'call': f'x = {RUNS}',
    'expression': RUNS,
    'import': 'import os',
    'attribute': 'x = dict.__class__',
    'default of a function': f'def f(x={RUNS}): pass',
    'decorator': f'@({RUNS})\ndef f(): pass',
    'class': f'class A:\n    {RUNS}',
    'comprehension': f'x = [{RUNS} for _ in (1,)]',
    'text with a field': "x = f'{" + RUNS.replace("'", '"') + "}'",
    'in a dict': f'x = dict(a=[dict(b={RUNS})])',
    'key': f'x = {{{RUNS}: 1}}',
    'call of a dict': f'x = dict({RUNS})',
    'two dicts': 'x = dict({}, {})',
    'unpacked': f'x = dict(**{RUNS})',
    'unpacked into braces': f'x = {{**{RUNS}}}',
    'other name for dict': f'dict = print\nx = list({RUNS})',
    'augmented': f'x = []\nx += [{RUNS}]',
    'attribute target': f'x = {{}}\nx.y = {RUNS}',
    'if': f'if {RUNS}: pass',
    'with': f'with {RUNS}: pass',
    'assert': f'assert {RUNS}',
}


@pytest.mark.parametrize('text', HOSTILE.values(), ids=HOSTILE)
def test_code_is_refused_and_not_run(tmp_path, text):
    trace = tmp_path / 'trace'
    # Where braces are text already, only the path is put in.
    text = text.replace('{trace!r}', repr(str(trace)))
    with pytest.raises(ValueError, match=r'x\.pth: .*--config FILE'):
        parse_saved_config(f'a = 1\n{text}\n', 'x.pth')
    assert not trace.exists()


def test_the_line_is_named():
    with pytest.raises(ValueError, match=r"line 3 .* not a literal: 'f\(\)'"):
        parse_saved_config('a = 1\nb = dict(\n    c=f())', 'x.pth')


@pytest.mark.parametrize(
    'text', ['[' * 100000, 'x = ' + '-' * 100000 + '1', 'a = \0', 'a = (', 3]
)
def test_text_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match='x.pth: .*config'):
        parse_saved_config(text, 'x.pth')


def test_what_mmengine_writes_comes_back():
    config = Config(
        dict(
            model=dict(type='A', shape=(1, -2), rates=[1e-3, None, True]),
            codes={1: 'a', 'b c': dict(d='it\'s "x"\n')},
            custom_imports=dict(imports=['fer_ssl']),
            empty=dict(),
            base='{{$HOME}}',
        )
    )
    found = parse_saved_config(config.pretty_text, 'x.pth')
    assert found.to_dict() == config.to_dict()
    assert found.pretty_text == config.pretty_text


def test_every_shipped_config_comes_back():
    root = Path(fer_ssl.__file__).parent / '.mim/configs'
    if not root.is_dir():
        root = Path(__file__).parents[2] / 'configs'
    files = [x for x in root.rglob('*.py') if '_base_' not in x.parts]
    assert len(files) > 40
    for file in files:
        # Without yapf, which takes longer than all the rest.
        config = Config.fromfile(file, format_python_code=False)
        found = parse_saved_config(config.pretty_text, file.name)
        assert found.to_dict() == config.to_dict(), file


def test_a_base_is_not_read(tmp_path):
    base, trace = tmp_path / 'base.py', tmp_path / 'trace'
    base.write_text(RUNS.replace('{trace!r}', repr(str(trace))))
    assert parse_saved_config(f'_base_ = {str(base)!r}', 'x').to_dict()
    assert not trace.exists()


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Modules that leave a trace when they are imported."""
    monkeypatch.syspath_prepend(tmp_path)
    trace = tmp_path / 'trace'
    code = RUNS.replace('{trace!r}', repr(str(trace)))
    (tmp_path / 'planted').mkdir()
    for name in ('__init__', 'registry', 'module'):
        (tmp_path / 'planted' / f'{name}.py').write_text(code)
    yield trace
    for name in [x for x in sys.modules if x.split('.')[0] == 'planted']:
        del sys.modules[name]


@pytest.mark.parametrize(
    'text',
    [
        "custom_imports = dict(imports=['planted.module'])",
        "custom_imports = dict(imports='planted')",
        "custom_imports = ['fer_ssl', 'planted']",
        "default_scope = 'planted'",
    ],
)
def test_modules_are_not_imported(planted, text):
    with pytest.raises(ValueError, match='planted.*--config FILE'):
        parse_saved_config(text, 'x.pth')
    assert not planted.exists()


@pytest.mark.parametrize(
    'part',
    [
        dict(type='os.system', command='touch {trace}'),
        dict(type='subprocess.run', args=['touch', '{trace}']),
        dict(type='planted.module.A'),
        dict(type='planted.A'),
        dict(type='ResNet', depth=18, _scope_='planted'),
        dict(type='mmengine.utils.mkdir_or_exist', dir_name='{trace}'),
        dict(type='mmengine.Config.fromfile', filename='{code}'),
        dict(type='fer_ssl.utils.files.make_folder', path='{trace}'),
    ],
)
@pytest.mark.parametrize('registry', [MODELS, TRANSFORMS])
def test_only_components_are_built(planted, tmp_path, part, registry):
    code = tmp_path / 'config.py'
    code.write_text(RUNS.replace('{trace!r}', repr(str(planted))))
    part = {
        key: [x.format(trace=planted, code=code) for x in value]
        if isinstance(value, list)
        else value
        if isinstance(value, int)
        else value.format(trace=planted, code=code)
        for key, value in part.items()
    }
    with pytest.raises(Exception) as error:
        with components_of_data('x.pth'):
            registry.build(part)
    if '_scope_' not in part:  # without that scope there is no such class
        assert isinstance(error.value, ValueError)
        assert 'x.pth: the config inside names' in str(error.value)
    assert not planted.exists()


def test_dotted_names_of_components_are_built():
    with components_of_data('x.pth'):
        found = TRANSFORMS.get('mmpretrain.datasets.transforms.PackInputs')
        assert found.__name__ == 'PackInputs'
        name = 'fer_ssl.models.teacher_student.TeacherStudent'
        assert MODELS.get(name).__name__ == 'TeacherStudent'


def test_python_configs_may_name_any_class():
    """They are code anyway; only data are held to components."""
    assert MODELS.build(
        dict(type='torch.nn.Linear', in_features=1, out_features=1)
    )


def test_checkpoint_without_a_config():
    for content in ({}, dict(meta=None), dict(meta=[]), []):
        with pytest.raises(ValueError, match='x.pth: there is no config in'):
            saved_config(content, 'x.pth')


def test_resuming_runs_no_text(tmp_path):
    """MMEngine executes ``meta['config']`` of the file it resumes from."""
    from mmengine.runner import runner

    trace = tmp_path / 'trace'
    read = runner.mmengine.Config.fromstring
    assert read('gpu_ids = [0, 1]', file_format='.py').gpu_ids == [0, 1]
    with pytest.raises(ValueError, match='not a literal'):
        read(RUNS.replace('{trace!r}', repr(str(trace))), file_format='.py')
    assert not trace.exists()
    assert runner.mmengine.__version__ and Runner
