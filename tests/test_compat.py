"""The repairs of upstream packages work, and are still needed.

If a test named ``..._still_needed`` fails, upstream is fixed: remove the
repair and raise the minimum version in ``requirements/runtime.txt``.
"""

import errno
import importlib.util
import io
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.dataset import BaseDataset
from mmengine.fileio import LocalBackend
from mmengine.hooks import EMAHook
from mmengine.logging import HistoryBuffer
from mmengine.registry import DATASETS, HOOKS
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import load_checkpoint, loops

from fer_ssl import compat
from fer_ssl.utils import safe_load


class RunsCode:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class ReadsAttribute:
    def __reduce__(self):
        return getattr, (torch.nn.Linear, 'forward')


@pytest.fixture
def model():
    return torch.nn.Linear(2, 1)


@pytest.fixture
def runner_checkpoint(tmp_path, model):
    """A file with all that a runner of MMEngine may write."""
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    file = tmp_path / 'iter_2.pth'
    torch.save(
        dict(
            meta=dict(iter=2, dataset_meta=dict(classes=('a', 'b'))),
            state_dict=model.state_dict(),
            message_hub=dict(
                log_scalars={'train/loss': history},
                runtime_info=dict(eta=np.float64(2.5), n=np.int64(3)),
                resumed_keys={'train/loss': True},
            ),
            scores=np.arange(4, dtype=np.float32),
        ),
        file,
    )
    return file


def python(code):
    """Run ``code`` in a fresh interpreter, without the repairs."""
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        capture_output=True,
        text=True,
    )


def test_import_is_cheap():
    done = python(
        'import sys, fer_ssl\n'
        'print([x for x in ("torch", "mmcv", "mmaction") if x in sys.modules])'
    )
    assert done.stdout.strip() == '[]', done.stderr


def test_all_components_are_found_through_the_locations():
    done = python(
        'import importlib, pkgutil, fer_ssl\n'
        'from mmengine import registry\n'
        'def names():\n'
        '    return {\n'
        '        (kind, name, cls.__module__)\n'
        '        for kind, value in vars(registry).items()\n'
        '        if isinstance(value, registry.Registry)\n'
        '        for name, cls in value.module_dict.items()\n'
        '        if cls.__module__.startswith("fer_ssl.")\n'
        '    }\n'
        'for value in list(vars(registry).values()):\n'
        '    if isinstance(value, registry.Registry):\n'
        '        value.import_from_location()\n'
        'found = names()\n'
        'for x in pkgutil.walk_packages(fer_ssl.__path__, "fer_ssl."):\n'
        '    if x.name != "fer_ssl.web.page":  # needs Gradio\n'
        '        importlib.import_module(x.name)\n'
        'print(len(found), names() - found)'
    )
    count, missed = done.stdout.splitlines()[-1].split(maxsplit=1)
    assert int(count) > 0 and missed == 'set()', done.stdout + done.stderr


@pytest.mark.parametrize('scope', ['mmpretrain', 'mmaction', 'mmengine'])
def test_components_are_found_from_every_scope(scope):
    registry = pytest.importorskip(f'{scope}.registry')
    registry.HOOKS.get('CheckpointHook')  # the first lookup has passed
    assert registry.HOOKS.get('FeedbackLossHook').__module__.startswith(
        'fer_ssl.engine'
    )
    assert registry.HOOKS.get('NoSuchHook') is None


def test_location_is_imported_once_more_after_a_lookup(tmp_path, monkeypatch):
    (tmp_path / 'late_hooks.py').write_text(
        'from mmengine.registry import HOOKS\n'
        '@HOOKS.register_module()\n'
        'class LateHook: pass\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(HOOKS, '_locations', HOOKS._locations)
    HOOKS.get('CheckpointHook')
    compat.add_location(HOOKS, 'late_hooks')
    assert HOOKS.get('LateHook').__module__ == 'late_hooks'
    HOOKS.module_dict.pop('LateHook')


def write_half(self, content, filepath):
    """``LocalBackend.put`` on a disk that fills up halfway."""
    with open(filepath, 'wb') as file:
        file.write(content[: len(content) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_checkpoint_is_written_whole(model, tmp_path, monkeypatch):
    file = str(tmp_path / 'iter_1.pth')
    mmengine_checkpoint.save_checkpoint(dict(state_dict=1), file)
    monkeypatch.setattr(LocalBackend, 'put', write_half)
    with pytest.raises(OSError, match='No space left'):
        mmengine_checkpoint.save_checkpoint(dict(state_dict=2), file)
    assert torch.load(file) == dict(state_dict=1)
    assert os.listdir(tmp_path) == ['iter_1.pth']


def test_checkpoint_is_written_whole_if_mmengine_was_first():
    done = python(
        'from mmengine.runner import checkpoint, runner\n'
        'import fer_ssl\n'
        'print(runner.save_checkpoint is checkpoint.save_checkpoint)\n'
        'print(hasattr(runner.save_checkpoint, "__wrapped__"))\n'
        'print(hasattr(runner.find_latest_checkpoint, "__wrapped__"))'
    )
    assert done.stdout.split()[-3:] == ['True'] * 3, done.stderr


def test_writing_whole_still_needed(tmp_path, monkeypatch):
    file = str(tmp_path / 'iter_1.pth')
    save = mmengine_checkpoint.save_checkpoint.__wrapped__
    save(dict(state_dict=1), file)
    monkeypatch.setattr(LocalBackend, 'put', write_half)
    with pytest.raises(OSError, match='No space left'):
        save(dict(state_dict=2), file)
    with pytest.raises(Exception, match='archive|corrupt|zip'):
        torch.load(file)


def test_latest_checkpoint_when_its_name_was_not_written(tmp_path):
    find = mmengine_checkpoint.find_latest_checkpoint
    assert find(str(tmp_path)) is None
    (tmp_path / 'last_checkpoint').write_text('')
    assert find(str(tmp_path)) is None
    for age, name in enumerate(['iter_20.pth', 'iter_9.pth', 'best_x.pth']):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert find(str(tmp_path)) == str(tmp_path / 'iter_20.pth')
    (tmp_path / 'last_checkpoint').write_text('iter_9.pth')
    assert find(str(tmp_path)) == 'iter_9.pth'
    assert find.__wrapped__(str(tmp_path)) == 'iter_9.pth'


def test_yaml_makes_no_objects(tmp_path):
    trace, file = tmp_path / 'trace', tmp_path / 'x.yml'
    file.write_text(f'x: !!python/object/apply:os.system ["touch {trace}"]')
    for read in (Config.fromfile, mmengine.load):
        with pytest.raises(yaml.YAMLError, match='python/object/apply'):
            read(str(file))
    assert not trace.exists()
    Config(dict(a=(1, [2, (3,)]))).dump(str(file))
    assert Config.fromfile(str(file)).to_dict() == dict(a=(1, [2, (3,)]))


def test_reading_yaml_as_data_still_needed(tmp_path):
    (tmp_path / 'x.yml').write_text('x: !!python/name:os.system')
    done = python(
        'import mmengine\n'
        f'print(mmengine.load({str(tmp_path / "x.yml")!r})["x"].__name__)'
    )
    assert done.stdout.split()[-1] == 'system', done.stderr


@pytest.fixture
def formatter():
    """The module whose ``FormatCode`` is called by MMEngine or OneDL's."""
    if hasattr(mmengine_config, 'FormatCode'):
        return mmengine_config
    return importlib.import_module('yapf.yapflib.yapf_api')


def test_configs_are_formatted_once(monkeypatch, formatter):
    texts = []

    def format_code(text, **options):
        texts.append(text)
        return text.upper(), True

    monkeypatch.setattr(formatter, 'FormatCode', format_code)
    compat.format_configs_once(formatter)
    config = Config(dict(a=1))
    assert config.pretty_text == config.pretty_text == 'A=1'
    assert len(texts) == 1
    config.a = 2
    assert config.pretty_text == 'A=2'
    assert len(texts) == 2


def test_formatting_once_where_mmengine_imports_it_late(monkeypatch):
    """As onedl-mmengine does: the module of the configs lacks the name."""
    yapf = importlib.import_module('yapf.yapflib.yapf_api')
    texts = []

    def format_code(text, **options):
        texts.append(text)
        return text.upper(), True

    monkeypatch.setattr(yapf, 'FormatCode', format_code)
    compat.format_configs_once(types.ModuleType('mmengine.config.config'))
    for style in ('pep8', 'pep8', 'google'):
        assert yapf.FormatCode('a', style_config=style) == ('A', True)
    assert len(texts) == 2


def test_formatting_once_still_needed(monkeypatch, formatter):
    texts = []

    def format_code(text, **options):
        texts.append(text)
        return text, True

    monkeypatch.setattr(formatter, 'FormatCode', format_code)
    config = Config(dict(a=1))
    assert config.pretty_text == config.pretty_text
    assert len(texts) == 2


def test_variables_as_text_still_needed(tmp_path):
    file = tmp_path / 'x.py'
    file.write_text("a = '{{$FER_X:b}}'\n")
    done = python(
        'import os\n'
        'from mmengine.config import Config\n'
        'os.environ["FER_X"] = "it\'s"\n'
        f'Config.fromfile({str(file)!r})'
    )
    assert 'SyntaxError' in done.stderr


OPERATORS = (
    'import pkgutil, sys\n'
    'vars(pkgutil).pop("find_loader", None)  # as on Python 3.14\n'
    '{}\n'
    'from mmengine.utils.dl_utils import mmcv_full_available\n'
    'from mmcv.utils.ext_loader import check_ops_exist\n'
    'print(mmcv_full_available(), check_ops_exist())'
)


def test_operators_are_looked_for_on_python_3_14():
    there = importlib.util.find_spec('mmcv._ext') is not None
    done = python(OPERATORS.format('import fer_ssl'))
    assert done.stdout.split()[-2:] == [str(there)] * 2, done.stderr


def test_looking_for_operators_still_needed():
    done = python(OPERATORS.format(''))
    assert "no attribute 'find_loader'" in done.stderr


DRAWS = (
    'import torch\n'
    '{}\n'
    'from mmengine.runner.loops import _InfiniteDataloaderIterator\n'
    'before = torch.get_rng_state()\n'
    'loader = torch.utils.data.DataLoader([1, 2])\n'
    'batches = _InfiniteDataloaderIterator(loader)\n'
    'print(not torch.equal(before, torch.get_rng_state()))\n'
    'before = torch.get_rng_state()\n'
    'print(int(next(batches)), torch.equal(before, torch.get_rng_state()))'
)


class Faces(BaseDataset):
    def load_data_list(self):
        labels = [0, 0, 0, 1] if self.ann_file else [0] * 4
        return [dict(gt_label=x) for x in labels]

    def get_cat_ids(self, idx):
        return [self.get_data_info(idx)['gt_label']]


def wrapped_twice():
    """Balanced over 14 and 2 faces of the classes 0 and 1, in wrappers."""
    faces = [dict(type=Faces), dict(type=Faces, ann_file='a')]
    config = dict(type='ConcatDataset', datasets=faces)
    config = dict(type='RepeatDataset', dataset=config, times=2)
    for _ in range(2):
        config = dict(
            type='ClassBalancedDataset', dataset=config, oversample_thr=0.5
        )
    return DATASETS.build(config)


def test_balance_of_wrapped_datasets():
    found = wrapped_twice()
    labels = [found[i]['gt_label'] for i in range(len(found))]
    # sqrt(0.5 / (2 / 16)) = 2 times each of 2, then of these 4 in 18
    # sqrt(0.5 / (4 / 18)) = 1.5, rounded up.
    assert np.bincount(labels).tolist() == [14, 8]


def test_naming_wrapped_classes_still_needed():
    done = python(
        'from mmengine.dataset import ConcatDataset, RepeatDataset\n'
        'print(*(hasattr(x, "get_cat_ids") for x in (ConcatDataset, '
        'RepeatDataset)))'
    )
    assert done.stdout.split() == ['False', 'False'], done.stderr


def test_loader_draws_its_number_before_the_start_weights():
    done = python(DRAWS.format('import fer_ssl'))
    assert done.stdout.split() == ['True', '1', 'True'], done.stderr


@pytest.mark.skipif(
    not hasattr(loops._InfiniteDataloaderIterator, '_ensure_iterator'),
    reason='mmengine starts a loader with the loop',
)
def test_starting_loaders_with_the_loop_still_needed():
    done = python(DRAWS.format(''))
    assert done.stdout.split() == ['False', '1', 'False'], done.stderr


def test_repair_that_does_not_apply_is_named():
    module = types.ModuleType('mmengine.runner.checkpoint')
    with pytest.warns(UserWarning, match='fer_ssl') as found:
        compat.attempt(compat.load_checkpoints_safely, module)
    assert [str(x.message) for x in found] == [
        'fer_ssl does not repair mmengine.runner.checkpoint of this version '
        "(module 'mmengine.runner.checkpoint' has no attribute 'torch'). It "
        'therefore does not: Make every MMEngine loader read with '
        '``weights_only=True``.'
    ]
    assert not hasattr(module, 'load_url')


def test_parent_locations_still_needed():
    done = python(
        'import sys\n'
        'from mmengine.registry import Registry\n'
        'root = Registry("x", scope="root", locations=["this"])\n'
        'child = Registry("x", scope="child", parent=root)\n'
        'child.get("Name")\n'
        'print("this" in sys.modules)'
    )
    assert done.stdout.splitlines()[-1] == 'False', done.stderr


def test_runner_checkpoint_loads(runner_checkpoint, model):
    target = torch.nn.Linear(2, 1)
    loaded = load_checkpoint(target, str(runner_checkpoint), strict=True)
    torch.testing.assert_close(target.weight, model.weight)
    hub = loaded['message_hub']
    assert hub['log_scalars']['train/loss'].mean() == 2
    assert hub['runtime_info'] == dict(eta=2.5, n=3)
    np.testing.assert_array_equal(loaded['scores'], np.arange(4))


def test_checkpoint_of_the_other_numpy_loads(runner_checkpoint, tmp_path):
    names = [b'numpy.core.multiarray', b'numpy._core.multiarray']
    if np.lib.NumpyVersion(np.__version__) >= '2.0.0':
        names.reverse()
    other = tmp_path / 'other.pth'
    with (
        zipfile.ZipFile(runner_checkpoint) as old,
        zipfile.ZipFile(other, 'w') as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if name.endswith('data.pkl'):
                assert names[0] in data
                data = data.replace(*names)
            new.writestr(name, data)
    loaded = load_checkpoint(torch.nn.Linear(2, 1), str(other))
    np.testing.assert_array_equal(loaded['scores'], np.arange(4))


def test_checkpoint_that_runs_code_is_refused(tmp_path, model):
    file = tmp_path / 'evil.pth'
    trace = tmp_path / 'trace'
    torch.save(dict(state_dict={}, x=RunsCode(f'touch {trace}')), file)
    with pytest.raises(ValueError, match=r'evil.pth: refused.*system'):
        load_checkpoint(model, str(file))
    # MMEngine 0.11 asks for unsafe loading, in files and in buffers
    for source in (file, io.BytesIO(file.read_bytes())):
        with pytest.raises(ValueError, match='refused'):
            mmengine_checkpoint.torch.load(source, weights_only=False)
    assert not trace.exists()


def test_attributes_of_other_classes_are_refused(tmp_path, model):
    file = tmp_path / 'getattr.pth'
    torch.save(dict(state_dict={}, x=ReadsAttribute()), file)
    with pytest.raises(ValueError, match='refused'):
        load_checkpoint(model, str(file))


def test_downloaded_checkpoint_is_loaded_safely(
    tmp_path, monkeypatch, runner_checkpoint
):
    def download(url, file, progress):
        Path(file).write_bytes(sources[url].read_bytes())

    evil = tmp_path / 'evil.pth'
    torch.save(RunsCode('true'), evil)
    sources = {'https://a/good.pth': runner_checkpoint, 'https://a/b': evil}
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    loaded = load_checkpoint(torch.nn.Linear(2, 1), 'https://a/good.pth')
    assert loaded['meta']['iter'] == 2
    with pytest.raises(ValueError, match='refused'):
        load_checkpoint(torch.nn.Linear(2, 1), 'https://a/b')


@pytest.mark.parametrize(
    'content, reason',
    [
        (b'hello', 'not a checkpoint written by'),
        (b'', 'damaged or incomplete'),
        (None, 'damaged or incomplete'),
    ],
)
def test_broken_checkpoint_is_named(
    tmp_path, runner_checkpoint, model, content, reason
):
    file = tmp_path / 'broken.pth'
    file.write_bytes(
        runner_checkpoint.read_bytes()[:1500] if content is None else content
    )
    with pytest.raises(ValueError, match=f'broken.pth.*{reason}'):
        load_checkpoint(model, str(file))


def test_safe_loading_still_needed(runner_checkpoint, tmp_path):
    evil, trace = tmp_path / 'evil.pth', tmp_path / 'trace'
    torch.save(dict(state_dict={}, x=RunsCode(f'touch {trace}')), evil)
    load = (
        'from mmengine.runner.checkpoint import CheckpointLoader\n'
        'CheckpointLoader.load_checkpoint({!r})'
    )
    resumed = python(load.format(str(runner_checkpoint))).returncode == 0
    python(load.format(str(evil)))
    assert not resumed or trace.exists()


def test_drn_placeholder():
    models = pytest.importorskip('mmaction.models')
    with pytest.raises(ImportError, match='source checkout'):
        models.DRN()


def test_drn_placeholder_still_needed():
    (folder,) = pytest.importorskip('mmaction').__path__
    assert not Path(folder, 'models/localizers/drn/drn.py').exists()


@pytest.mark.parametrize(
    'transformers, timm, stays',
    [
        ('4.28.0', True, True),
        ('4.28.0', False, False),
        ('4.56.0', True, False),
    ],
)
def test_multimodal_is_off_where_it_would_break(
    monkeypatch, transformers, timm, stays
):
    monkeypatch.setattr(compat, 'version', lambda name: transformers)
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: object() if timm else None
    )
    dependency = types.SimpleNamespace(WITH_MULTIMODAL=True)
    compat.switch_off_broken_multimodal(dependency)
    assert dependency.WITH_MULTIMODAL is stays


def test_multimodal_switch_still_needed():
    (folder,) = pytest.importorskip('mmaction').__path__
    bert = Path(folder, 'models/multimodal/vindlu/modeling_bert.py')
    imports = bert.read_text().partition('from transformers.modeling_utils')[2]
    assert 'apply_chunking_to_forward' in imports.partition(')')[0]


def test_applying_twice_changes_nothing():
    before = list(sys.meta_path)
    load = mmengine_checkpoint.torch.load
    resume = EMAHook.after_load_checkpoint
    save = mmengine_checkpoint.save_checkpoint
    compat.apply_repairs()
    assert mmengine_checkpoint.save_checkpoint is save
    assert EMAHook.after_load_checkpoint is resume
    assert list(sys.meta_path) == before
    assert mmengine_checkpoint.torch.load is load is safe_load.load_checkpoint


def test_differentiable_attention_still_needed():
    from torch.autograd import forward_ad

    attention = torch.nn.functional.scaled_dot_product_attention
    with forward_ad.dual_level():
        query = forward_ad.make_dual(*torch.randn(2, 1, 2, 4, 8))
        expected = (query @ query.mT / 8**0.5).softmax(-1) @ query
        with pytest.raises(NotImplementedError, match='forward AD'):
            attention(query, query, query)
        with compat.differentiable_attention():
            output = attention(query, query, query)
        for one, two in zip(*map(forward_ad.unpack_dual, (output, expected))):
            torch.testing.assert_close(one, two)


@pytest.mark.parametrize('call', ['', 'compat.leave_triton_out()'])
def test_leaving_triton_out_still_needed(call):
    pytest.importorskip('triton')
    code = (
        'import sys; from fer_ssl import compat\n'
        f'{call}\n'
        'import torchvision\n'
        "print(sys.modules.get('triton'))"
    )
    text = subprocess.check_output([sys.executable, '-c', code], text=True)
    assert (text.strip() == 'None') == bool(call)
