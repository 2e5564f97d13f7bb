"""The config inside a checkpoint is data: whatever it says, nothing runs."""

import ast
import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope
from mmengine.runner import Runner

import fer_ssl  # holds the registries
from fer_ssl.utils.saved_config import (
    check_component,
    components_of_data,
    dump_literals,
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


def test_what_is_dumped_is_read_back():
    config = Config({'a': {"': f(), 'x": 1, "it's": [(1,), {2}, None]}})
    found = parse_saved_config(dump_literals(config), 'x.pth')
    assert found.to_dict() == config.to_dict()


def names_of_types(part):
    if isinstance(part, dict):
        if 'type' in part:
            yield part['type']
        # No start weights are made for data: they come from a checkpoint.
        part = [x for key, x in part.items() if key != 'init_cfg']
    if not isinstance(part, str) and isinstance(part, Iterable):
        for x in part:
            yield from names_of_types(x)


def test_every_shipped_config_comes_back():
    root = Path(fer_ssl.__file__).parent / '.mim/configs'
    if not root.is_dir():
        root = Path(__file__).parents[2] / 'configs'
    files = [x for x in root.rglob('*.py') if '_base_' not in x.parts]
    assert len(files) > 40
    for file in files:
        # Without yapf, which takes longer than all the rest.
        config = Config(
            Config.fromfile(file).to_dict(), format_python_code=False
        )
        found = parse_saved_config(config.pretty_text, file.name)
        assert found.to_dict() == config.to_dict(), file
        if config.get('test_dataloader') is None:
            continue  # self-supervised, predicts no labels
        pipeline = config.test_dataloader.dataset.get('pipeline', [])
        scope = DefaultScope.overwrite_default_scope(config.default_scope)
        with scope, components_of_data(file.name):
            for registry, part in (
                (MODELS, config.model),
                (TRANSFORMS, pipeline),
            ):
                with registry.switch_scope_and_registry(None) as scoped:
                    for name in names_of_types(part):
                        assert scoped.get(name), (file, name)


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
        dict(type='A', _scope_='planted'),
        dict(type='mmengine.utils.mkdir_or_exist', dir_name='{trace}'),
        dict(type='mmengine.Config.fromfile', filename='{code}'),
        dict(type='fer_ssl.utils.files.make_folder', path='{trace}'),
        dict(type='mmengine.runner.Runner', work_dir='{trace}', model={}),
        dict(
            type='mmengine.visualization.LocalVisBackend', save_dir='{trace}'
        ),
        dict(
            type='mmaction.apis.inferencers.ActionRecogInferencer',
            model=None,
            weights='{code}',
        ),
        dict(
            type='VQAGenerationHead',
            decoder=dict(type='ReLU'),
            inference_method='rank',
            answer_list_path='{pickle}',
        ),
        dict(
            type='torchvision/ConvertImageDtype',
            dtype='float if __import__("os").system("touch {trace}") else 0',
        ),
        dict(type='TIMMBackbone', model_name='resnet18'),
        dict(type='mmaction.datasets.PoseDataset', ann_file='{pickle}'),
    ],
    ids=lambda part: part['type'],
)
@pytest.mark.parametrize('registry', [MODELS, TRANSFORMS])
@pytest.mark.parametrize('scope', ['mmengine', 'mmpretrain', 'mmaction'])
def test_only_components_are_built(planted, tmp_path, part, registry, scope):
    code, data = tmp_path / 'config.py', tmp_path / 'x.pkl'
    code.write_text(RUNS.replace('{trace!r}', repr(str(planted))))
    data.write_bytes(b"cos\nsystem\n(S'touch " + bytes(planted) + b"'\ntR.")
    text = repr(part)
    for name, value in dict(trace=planted, code=code, pickle=data).items():
        text = text.replace(f'{{{name}}}', str(value))
    with DefaultScope.overwrite_default_scope(scope):
        with pytest.raises(ValueError, match='x.pth: the config inside names'):
            with components_of_data('x.pth'):
                registry.build(ast.literal_eval(text))
    assert not planted.exists()


@pytest.mark.parametrize(
    ('package', 'fewest'), [('mmpretrain', 100), ('mmaction', 50)]
)
def test_what_may_be_built_reads_and_runs_nothing(package, fewest):
    """A new version of the packages may add what loads files."""
    dangerous = re.compile(
        r'torch\.load\(|from_pretrained|pickle|mmengine\.load|list_from_file|'
        r'[^.\w](?:eval|exec|open)\(|create_model|import_module|load_check'
    )
    # Evaluates a dtype of torchvision/..., which is refused by its name.
    known = {'mmpretrain.datasets.transforms.processing': 'eval('}
    seen = 0
    registries = pytest.importorskip(f'{package}.registry')
    for registry in (registries.MODELS, registries.TRANSFORMS):
        registry.get('ResNet')  # imports all
        for name, found in {
            **registry.parent.module_dict,
            **registry.module_dict,
        }.items():
            try:
                with components_of_data('x'):
                    check_component(name, found)
            except ValueError:
                continue
            module = inspect.getmodule(found)
            if module.__name__.startswith(('torch.', 'fer_ssl.')):
                continue
            seen += 1
            hits = set(dangerous.findall(inspect.getsource(module)))
            hits = {x.strip() for x in hits} - {known.get(module.__name__)}
            assert not hits, (name, module.__name__, hits)
    assert seen > fewest


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
    with pytest.raises(ValueError, match=r'not a literal.*load_from=FILE'):
        read(RUNS.replace('{trace!r}', repr(str(trace))), file_format='.py')
    assert not trace.exists()
    assert runner.mmengine.__version__ and Runner
