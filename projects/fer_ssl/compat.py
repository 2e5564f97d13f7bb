"""Repairs of upstream packages, each in one function.

Every repair states its symptom, its upstream issue and its guard, and
``tests/test_compat.py`` fails as soon as it is no longer needed. If what a
repair changes is not there, in another version of a package or in its
successor, one warning says so and names what is missing. Nothing here edits an
installed file, and nothing turns safe loading off.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import importlib
import importlib.util
import os.path as osp
import pkgutil
import sys
import types
import warnings
from importlib.abc import MetaPathFinder
from importlib.metadata import version
from typing import Any, Callable

import yaml
from mmengine.fileio.handlers import yaml_handler
from mmengine.registry import Registry
from mmengine.utils import digit_version

from .utils.environment import fill_file
from .utils.files import whole_path
from .utils.saved_config import (
    check_component,
    may_import,
    parse_saved_config,
)


def apply_repairs() -> None:
    """Install all repairs; a second call changes nothing."""
    registry = sys.modules[Registry.__module__]
    attempt(import_parent_locations, registry)
    attempt(hold_registries_to_components, registry)
    attempt(read_yaml_as_data, yaml_handler)
    when_imported('mmengine.config.config', format_configs_once)
    when_imported('mmengine.config.config', fill_in_variables_as_text)
    for name in ('mmengine.utils.dl_utils.misc', 'mmcv.utils.ext_loader'):
        when_imported(name, find_modules_without_pkgutil)
    when_imported('mmengine.runner.checkpoint', load_checkpoints_safely)
    when_imported('mmengine.runner.checkpoint', write_checkpoints_whole)
    when_imported('mmengine.runner.loops', start_loaders_with_the_loop)
    when_imported('mmengine.dataset.dataset_wrapper', name_wrapped_classes)
    for name in ('runner', '_flexible_runner'):
        when_imported(f'mmengine.runner.{name}', resume_without_running_text)
    for name in ('mmengine.hooks', 'mmpretrain.engine.hooks'):
        when_imported(f'{name}.ema_hook', resume_averages_of_wrapped_parts)
    for name in ('mmaction', 'mmpretrain'):
        when_imported(f'{name}.utils.dependency', switch_off_broken_multimodal)
    provide_drn()


def leave_triton_out() -> None:
    """Keep Triton, a compiler of GPU kernels, from being imported.

    Symptom: a program that compiles nothing takes 75 MB of memory and a third
    of a second more. Upstream: ``torchvision.ops.roi_align`` imports
    ``torch._dynamo`` to ask whether it may be compiled, and this imports
    Triton if it is installed. Guard: only programs that know their network
    call this, before they import PyTorch, for which Triton is then as missing
    as beside its builds for the CPU.
    """
    # An import of a module that is None raises ModuleNotFoundError.
    sys.modules.setdefault('triton', None)


def attempt(
    repair: Callable[[types.ModuleType], None], module: types.ModuleType
) -> None:
    """Call ``repair(module)``; warn if the module lacks what it changes."""
    try:
        repair(module)
    except AttributeError as error:
        missing = (repair.__doc__ or repair.__name__).partition('\n')[0]
        warnings.warn(
            f'fer_ssl does not repair {module.__name__} of this version '
            f'({error}). It therefore does not: {missing}',
            stacklevel=2,
        )


def when_imported(
    name: str, repair: Callable[[types.ModuleType], None]
) -> None:
    """Call ``repair(module)`` right after the module ``name`` is imported.

    A repair that imported its module itself would make ``import fer_ssl`` pay
    for PyTorch, the runner and mmaction2 (seconds) where only a list of
    labels is needed.
    """
    waiting = (x for x in sys.meta_path if isinstance(x, _RepairOnImport))
    if name in sys.modules:
        attempt(repair, sys.modules[name])
    elif (name, repair) not in [(x.name, x.repair) for x in waiting]:
        # First, to be asked before the finder that really finds the module.
        sys.meta_path.insert(0, _RepairOnImport(name, repair))


class _RepairOnImport(MetaPathFinder):
    """Finder of one module that runs the repair after the module's code."""

    def __init__(
        self, name: str, repair: Callable[[types.ModuleType], None]
    ) -> None:
        self.name = name
        self.repair = repair

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        # The lookup below goes through sys.meta_path again: to the next repair
        # of the same module, or to the finder that really finds it.
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_repair(module: types.ModuleType) -> None:
                execute(module)
                attempt(self.repair, module)

            spec.loader.exec_module = execute_and_repair
        return spec


# --------------------------------------------------------------------------
# mmengine: registries
# --------------------------------------------------------------------------
def import_parent_locations(registry: types.ModuleType) -> None:
    """Let a lookup in a child registry import its parents' locations too.

    Symptom: ``Registry.get`` imports the ``locations`` of the registry it
    starts from, but searches the parents without importing theirs. Under
    ``default_scope='mmpretrain'`` the location of a root registry is ignored.
    Upstream: ``mmengine/registry/registry.py``, all versions up to 0.11.

    Args:
        registry: The module ``mmengine.registry.registry``.
    """
    import_own = registry.Registry.import_from_location
    if hasattr(import_own, 'with_parents'):
        return

    def import_from_location(self) -> None:
        import_own(self)
        if self.parent is not None:
            self.parent.import_from_location()

    import_from_location.with_parents = True
    registry.Registry.import_from_location = import_from_location


def add_location(registry: Registry, location: str) -> None:
    """Import the module ``location`` at the next lookup in ``registry``."""
    if location not in registry._locations:
        # All root registries share one default list, so do not append to it.
        registry._locations = [*registry._locations, location]
        registry._imported = False


def hold_registries_to_components(registry: types.ModuleType) -> None:
    """Restrict configs inside data to networks and transforms.

    Symptom: ``dict(type='os.system', command=...)`` runs the command: a type
    that is in no registry is imported by its dotted name, and so is the
    module ``NAME.registry`` of any ``type='NAME.X'``. That is useful in
    configs that are Python, but it lets a config in a checkpoint run code.
    Upstream: ``mmengine/registry/registry.py``, all versions up to 0.11.

    The restriction applies only within :func:`components_of_data`.

    Args:
        registry: The module ``mmengine.registry.registry``.
    """
    find = registry.get_object_from_string
    import_module = registry.import_module
    get = registry.Registry.get
    if hasattr(get, '__wrapped__'):
        return

    @functools.wraps(get)
    def get_component(self, key: str) -> Any:
        found = get(self, key)
        check_component(key, found)
        return found

    @functools.wraps(find)
    def get_object_from_string(name: str) -> Any:
        return find(name) if may_import(name) else None

    @functools.wraps(import_module)
    def import_if_allowed(name: str, package: str | None = None) -> Any:
        if not may_import(name):
            raise ImportError(
                f'{name} is not imported for a config inside data.'
            )
        return import_module(name, package)

    registry.Registry.get = get_component
    registry.get_object_from_string = get_object_from_string
    registry.import_module = import_if_allowed


# --------------------------------------------------------------------------
# mmengine: YAML
# --------------------------------------------------------------------------
def read_yaml_as_data(handler: types.ModuleType) -> None:
    """Read YAML without the tags that create Python objects.

    Symptom: ``Config.fromfile('x.yml')`` and ``mmengine.load`` call whatever
    ``!!python/object/apply`` names.
    Upstream: ``mmengine/fileio/handlers/yaml_handler.py``, all versions up to
    0.11.

    The tag of tuples stays allowed, because ``Config.dump`` writes it.

    Args:
        handler: The module ``mmengine.fileio.handlers.yaml_handler``.
    """

    class DataLoader(yaml.SafeLoader):
        def construct_tuple(self, node: yaml.SequenceNode) -> tuple:
            return tuple(self.construct_sequence(node, deep=True))

    tag = 'tag:yaml.org,2002:python/tuple'
    DataLoader.add_constructor(tag, DataLoader.construct_tuple)
    if not issubclass(handler.Loader, yaml.SafeLoader):
        handler.Loader = DataLoader


# --------------------------------------------------------------------------
# mmengine: the text of a config
# --------------------------------------------------------------------------
def format_configs_once(config: types.ModuleType) -> None:
    """Cache the formatted text of the latest config.

    Symptom: every start of a training formats the same config six times with
    yapf (for the log, each place where it is saved, and the checkpoint),
    which takes longer than everything else after the imports.
    Upstream: ``Config.pretty_text``, all versions up to 0.11, and
    onedl-mmengine, which imports the function from yapf at every call.

    Args:
        config: The module ``mmengine.config.config``, or that of yapf.
    """
    from_yapf = 'yapf.yapflib.yapf_api'
    if not hasattr(config, 'FormatCode') and config.__name__ != from_yapf:
        when_imported(from_yapf, format_configs_once)
        return
    format_code = config.FormatCode
    if hasattr(format_code, '__wrapped__'):
        return
    formatted: dict = {}

    @functools.wraps(format_code)
    def format_once(text: str, **options: Any) -> tuple:
        key = text, repr(options)
        if key not in formatted:
            formatted.clear()  # only the latest is asked for again
            formatted[key] = format_code(text, **options)
        return formatted[key]

    config.FormatCode = format_once


def fill_in_variables_as_text(config: types.ModuleType) -> None:
    """Fill in environment variables in configs, whatever characters they have.

    Symptom: the value of ``'{{$NAME:default}}'`` is pasted into the source
    text of the config, so a quote in it raises a ``SyntaxError`` in a
    temporary file, and a backslash is lost or starts an escape sequence.
    Upstream: ``Config._substitute_env_variables``, all versions up to 0.11.

    Args:
        config: The module ``mmengine.config.config``.
    """
    fill = config.Config._substitute_env_variables
    if hasattr(fill, '__wrapped__'):
        return

    @functools.wraps(fill)
    def substitute(filename: str, temp_config_name: str) -> dict:
        used = fill_file(filename, temp_config_name)
        for name, value in used.items():
            # The same message as in the function that this one replaces.
            config.print_log(
                f'Using env variable `{name}` with value of {value} to '
                'replace item in config.',
                logger='current',
            )
        return used

    config.Config._substitute_env_variables = staticmethod(substitute)


# --------------------------------------------------------------------------
# mmengine and mmcv: Python 3.14
# --------------------------------------------------------------------------
def find_modules_without_pkgutil(module: types.ModuleType) -> None:
    """Look for the compiled operators of mmcv on Python 3.14.

    Symptom: a training ends at its start with ``module 'pkgutil' has no
    attribute 'find_loader'``, a function that Python 3.14 removed.
    Upstream: ``mmcv_full_available`` of mmengine up to 0.10.7 and
    ``check_ops_exist`` of mmcv; onedl-mmengine calls the function below.

    Args:
        module: One of the two modules. Its name ``pkgutil`` is replaced.
    """
    if hasattr(pkgutil, 'find_loader') or not hasattr(module, 'pkgutil'):
        return
    module.pkgutil = module_with(pkgutil, find_loader=importlib.util.find_spec)


# --------------------------------------------------------------------------
# mmengine: data sets in data sets
# --------------------------------------------------------------------------
def name_wrapped_classes(wrappers: types.ModuleType) -> None:
    """Let ``ClassBalancedDataset`` wrap other wrappers.

    Symptom: around ``ConcatDataset`` or ``RepeatDataset``, it ends with
    ``object has no attribute 'get_cat_ids'``.
    Upstream: ``mmengine/dataset/dataset_wrapper.py``, all versions up to
    0.11.

    Args:
        wrappers: The module. Each wrapper without that method gets it.
    """

    def of_several(self, idx: int) -> list[int]:
        part, inside = self._get_ori_dataset_idx(idx)
        return self.datasets[part].get_cat_ids(inside)

    def of_one(self, idx: int) -> list[int]:
        return self.dataset.get_cat_ids(self._get_ori_dataset_idx(idx))

    for kind, get_cat_ids in (
        (wrappers.ConcatDataset, of_several),
        (wrappers.RepeatDataset, of_one),
    ):
        if not hasattr(kind, 'get_cat_ids'):
            kind.get_cat_ids = get_cat_ids


# --------------------------------------------------------------------------
# mmengine: the loaders of a training
# --------------------------------------------------------------------------
def start_loaders_with_the_loop(loops: types.ModuleType) -> None:
    """Draw the same start weights for a seed as mmengine does.

    Symptom: a training with OneDL's packages starts from other weights than
    with mmengine. The iterator of a loader draws a random number, and
    onedl-mmengine makes it at the first batch, after the weights are drawn,
    whereas mmengine makes it with the loop, before.
    Upstream: ``_InfiniteDataloaderIterator`` of onedl-mmengine 0.10.12.

    Args:
        loops: The module ``mmengine.runner.loops``.
    """
    iterator = loops._InfiniteDataloaderIterator
    initialize = iterator.__init__
    late = hasattr(iterator, '_ensure_iterator')
    if not late or hasattr(initialize, '__wrapped__'):
        return

    @functools.wraps(initialize)
    def initialize_and_start(self, dataloader: Any) -> None:
        initialize(self, dataloader)
        self._ensure_iterator()

    iterator.__init__ = initialize_and_start


# --------------------------------------------------------------------------
# mmengine and torch: checkpoints
# --------------------------------------------------------------------------
def load_checkpoints_safely(checkpoint: types.ModuleType) -> None:
    """Make every MMEngine loader read with ``weights_only=True``.

    Symptom: MMEngine 0.10 leaves ``weights_only`` to torch, so a checkpoint
    may run any code on torch < 2.6, while torch >= 2.6 refuses to resume from
    it because of the logging history in it. MMEngine 0.11 loads unsafely
    again, and onedl-mmengine does so with any file that torch refuses.
    Upstream: https://github.com/open-mmlab/mmengine/issues/1655

    Args:
        checkpoint: The module ``mmengine.runner.checkpoint``. Its name
            ``torch`` is replaced, as all its loaders (local, s3, openmmlab,
            ...) call ``torch.load`` through it, with varying arguments.
    """
    # Not at the top: torch takes seconds to import.
    from .utils.safe_load import load_checkpoint, safe_load_url

    torch, _ = checkpoint.torch, checkpoint.load_url  # both must be there
    checkpoint.torch = module_with(torch, load=load_checkpoint)
    checkpoint.load_url = safe_load_url
    if hasattr(checkpoint, '_safe_torch_load'):
        # onedl-mmengine's: its allow-list would hide that of safe_load.
        checkpoint._safe_torch_load = load_checkpoint


def module_with(module: types.ModuleType, **attributes: Any) -> Any:
    """Return a stand-in for a module, with some attributes replaced.

    The module itself is not changed, so its other users are not affected.
    """

    class StandIn(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            return getattr(module, name)

    stand_in = StandIn(module.__name__)
    vars(stand_in).update(attributes)
    return stand_in


def resume_without_running_text(runner: types.ModuleType) -> None:
    """Read ``meta['config']`` of a checkpoint as literals when resuming.

    Symptom: ``Runner.resume`` executes that text, which old checkpoints
    contain, to look for ``gpu_ids``.
    Upstream: ``mmengine/runner/runner.py``, all versions up to 0.11.

    Args:
        runner: The module of a runner. Its name ``mmengine`` is replaced, as
            it calls ``mmengine.Config.fromstring``.
    """

    class LiteralConfig:
        @staticmethod
        def fromstring(text: str, file_format: str) -> Any:
            return parse_saved_config(
                text,
                'the checkpoint to resume',
                'It is not run. To start from the weights alone, pass '
                '--cfg-options load_from=FILE without --resume.',
            )

    runner.mmengine = module_with(runner.mmengine, Config=LiteralConfig)


def write_checkpoints_whole(checkpoint: types.ModuleType) -> None:
    """Write checkpoint files atomically.

    Symptom: MMEngine writes a checkpoint in place, and after a validation
    with a new best score it overwrites the latest one. If the process is
    killed while it writes, or the disk is full, the run cannot be resumed.
    The same holds for ``last_checkpoint``, the file that names the latest
    checkpoint, which may be left empty.
    Upstream: ``mmengine/runner/checkpoint.py``, all versions up to 0.11.

    Args:
        checkpoint: The module ``mmengine.runner.checkpoint``.
    """
    save, find = checkpoint.save_checkpoint, checkpoint.find_latest_checkpoint
    if hasattr(save, '__wrapped__'):
        return

    @functools.wraps(save)
    def save_checkpoint(content, filename, *args, **kwargs) -> None:
        if '://' in filename:  # not on a file system
            save(content, filename, *args, **kwargs)
            return
        with whole_path(filename) as part:
            save(content, part, *args, **kwargs)

    @functools.wraps(find)
    def find_latest_checkpoint(path: str) -> str | None:
        latest = find(path)
        if latest == '':
            # last_checkpoint is empty: take the newest complete checkpoint.
            files = [
                file
                for kind in ('iter', 'epoch')
                for file in glob.glob(osp.join(path, f'{kind}_*.pth'))
                if not file.endswith('.part.pth')
            ]
            latest = max(files, key=osp.getmtime, default=None)
        return latest

    # Modules imported earlier hold references of their own to the functions.
    for module in [m for n, m in sys.modules.items() if 'mmengine' in n]:
        for new in (save_checkpoint, find_latest_checkpoint):
            if vars(module).get(new.__name__) is new.__wrapped__:
                setattr(module, new.__name__, new)


def resume_averages_of_wrapped_parts(ema_hook: types.ModuleType) -> None:
    """Let ``EMAHook`` resume a model whose parts are wrapped for DDP.

    Symptom: under ``MMSeparateDistributedDataParallel`` the averaged weights
    of a resumed run are the initial ones, without any message: their keys in
    the file lack the prefix ``module.``, and torch's non-strict loading drops
    them. MMEngine's loading sees through wrappers.
    Upstream: ``ema_hook.py`` of mmengine (all versions up to 0.11) and of
    mmpretrain (1.2.0), whose hook replaces the former's.

    Args:
        ema_hook: One of the two modules.
    """
    hook = ema_hook.EMAHook
    resume = hook.after_load_checkpoint
    if hasattr(resume, '__wrapped__'):
        return

    @functools.wraps(resume)
    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        from mmengine.runner.checkpoint import load_state_dict

        resume(self, runner, checkpoint)
        # Both hooks load averages to resume, mmpretrain's also to test.
        loaded = runner._resume or getattr(self, 'load_ema_from_ckpt', False)
        if 'ema_state_dict' in checkpoint and loaded:
            average = checkpoint['ema_state_dict']
            load_state_dict(self.ema_model, average, strict=self.strict_load)

    hook.after_load_checkpoint = after_load_checkpoint


# --------------------------------------------------------------------------
# mmaction2
# --------------------------------------------------------------------------
def provide_drn() -> None:
    """Provide a stand-in for a subpackage missing from the mmaction2 wheel.

    Symptom: ``import mmaction.models`` fails with ``No module named
    'mmaction.models.localizers.drn'``; only a source checkout has it.
    Upstream: https://github.com/open-mmlab/mmaction2/issues/2714
    """
    package = 'mmaction.models.localizers.drn'
    mmaction = importlib.util.find_spec('mmaction')
    if mmaction is None or package in sys.modules:
        return
    folder = mmaction.submodule_search_locations[0]
    if osp.exists(osp.join(folder, 'models/localizers/drn/drn.py')):
        return

    class DRN:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise ImportError(
                'DRN is not part of the mmaction2 wheel. Install mmaction2 '
                'from a source checkout (pip install -e) to use it.'
            )

    for name in (package, f'{package}.drn'):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[f'{package}.drn'].DRN = DRN


def switch_off_broken_multimodal(dependency: types.ModuleType) -> None:
    """Keep a recent ``transformers`` from breaking the model packages.

    Symptom: if ``transformers`` is installed, ``mmaction.models`` imports
    VindLU, and ``mmpretrain.models`` (with pycocoevalcap) imports BLIP. Both
    need ``transformers.modeling_utils.apply_chunking_to_forward``, which 4.56
    moved elsewhere, and VindLU also needs timm. Nothing else in the two
    packages needs either.
    Upstream: https://github.com/open-mmlab/mmaction2/issues/2868 (no longer
    maintained)

    Args:
        dependency: ``mmaction.utils.dependency`` or its mmpretrain twin.
    """
    if dependency.WITH_MULTIMODAL and (
        importlib.util.find_spec('timm') is None
        or digit_version(version('transformers')) >= digit_version('4.56')
    ):
        dependency.WITH_MULTIMODAL = False


# --------------------------------------------------------------------------
# torch: attention without forward-mode derivative
# --------------------------------------------------------------------------
def differentiable_attention() -> contextlib.AbstractContextManager:
    """Return a context in which attention has a forward-mode derivative.

    Symptom: every vision transformer raises ``NotImplementedError: Trying to
    use forward AD with _scaled_dot_product_flash_attention``: the fused
    kernels have no forward-mode derivative, but the plain one has.
    Upstream: all versions of torch up to 2.14.
    """
    import torch

    kernel = torch.nn.attention.SDPBackend.MATH
    return torch.nn.attention.sdpa_kernel(kernel)
