"""Repairs of the upstream packages, each in one function.

Every repair states its symptom, its upstream issue and its guard, and
``tests/test_compat.py`` fails as soon as it is no longer needed. Nothing here
edits an installed file, and nothing turns safe loading off.
"""

from __future__ import annotations

import codecs
import contextlib
import copyreg
import functools
import glob
import importlib
import importlib.util
import os
import os.path as osp
import pickle
import re
import struct
import sys
import types
from importlib.abc import MetaPathFinder
from importlib.metadata import version
from typing import Any, Callable

from mmengine.registry import Registry
from mmengine.utils import digit_version


def apply_repairs() -> None:
    """Arrange all repairs; a second call changes nothing."""
    import_parent_locations()
    when_imported('mmengine.config.config', format_configs_once)
    when_imported('mmengine.runner.checkpoint', load_checkpoints_safely)
    when_imported('mmengine.runner.checkpoint', write_checkpoints_whole)
    for name in ('mmengine.hooks', 'mmpretrain.engine.hooks'):
        when_imported(f'{name}.ema_hook', resume_averages_of_wrapped_parts)
    for name in ('mmaction', 'mmpretrain'):
        when_imported(f'{name}.utils.dependency', switch_off_broken_multimodal)
    provide_drn()


def when_imported(
    name: str, repair: Callable[[types.ModuleType], None]
) -> None:
    """Call ``repair(module)`` right after the module ``name`` is imported.

    A repair that imported its module itself would make ``import fer_ssl`` pay
    for PyTorch, the runner and mmaction2 (seconds) where only a label list
    is wanted.
    """
    if name in sys.modules:
        repair(sys.modules[name])
    else:
        sys.meta_path.insert(0, _RepairOnImport(name, repair))


class _RepairOnImport(MetaPathFinder):
    """Serves one module once, with the repair behind its execution."""

    def __init__(
        self, name: str, repair: Callable[[types.ModuleType], None]
    ) -> None:
        self.name = name
        self.repair = repair

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_repair(module: types.ModuleType) -> None:
                execute(module)
                self.repair(module)

            spec.loader.exec_module = execute_and_repair
        return spec


# --------------------------------------------------------------------------
# mmengine: root registries are not imported on fallback
# --------------------------------------------------------------------------
def import_parent_locations() -> None:
    """Let a lookup in a child registry import its parents' locations too.

    Symptom: ``Registry.get`` imports the ``locations`` of the registry it
    starts from, but looks into the parents without importing theirs. Under
    ``default_scope='mmpretrain'`` a root registry's location is ignored.
    Upstream: ``mmengine/registry/registry.py``, all versions up to 0.11.
    """
    if hasattr(Registry.import_from_location, 'with_parents'):
        return
    import_own = Registry.import_from_location

    def import_from_location(self) -> None:
        import_own(self)
        if self.parent is not None:
            self.parent.import_from_location()

    import_from_location.with_parents = True
    Registry.import_from_location = import_from_location


def add_location(registry: Registry, location: str) -> None:
    """Import the module ``location`` at the next lookup in ``registry``."""
    if location not in registry._locations:
        # All root registries share one default list: never append in place.
        registry._locations = [*registry._locations, location]
        registry._imported = False


# --------------------------------------------------------------------------
# mmengine: the text of a config
# --------------------------------------------------------------------------
def format_configs_once(config: types.ModuleType) -> None:
    """Keep the formatted text of a config for the next one who asks.

    Symptom: each start of a training formats the same config six times with
    yapf (for the log, each place that keeps it, and the checkpoint), which
    takes longer than everything else after the imports.
    Upstream: ``Config.pretty_text``, all versions up to 0.11.

    Args:
        config: The module ``mmengine.config.config``.
    """
    format_code = config.FormatCode
    if hasattr(format_code, '__wrapped__'):
        return
    formatted: dict = {}

    @functools.wraps(format_code)
    def format_once(text: str, **options: Any) -> tuple:
        if text not in formatted:
            formatted.clear()  # the latest is enough
            formatted[text] = format_code(text, **options)
        return formatted[text]

    config.FormatCode = format_once


# --------------------------------------------------------------------------
# mmengine and torch: checkpoints
# --------------------------------------------------------------------------
def load_checkpoints_safely(checkpoint: types.ModuleType) -> None:
    """Make every MMEngine loader read with ``weights_only=True``.

    Symptom: MMEngine 0.10 leaves ``weights_only`` to torch, so a checkpoint
    may run any code on torch < 2.6, while torch >= 2.6 refuses to resume
    because of the logging history in it. MMEngine 0.11 loads unsafely again.
    Upstream: https://github.com/open-mmlab/mmengine/issues/1655

    Args:
        checkpoint: The module ``mmengine.runner.checkpoint``. Its name
            ``torch`` is replaced, as all its loaders (local, s3, openmmlab,
            ...) call ``torch.load`` through it, with varying arguments.
    """
    import torch

    class TorchWithSafeLoad(types.ModuleType):
        load = staticmethod(safe_load)

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

    allow_checkpoint_globals()
    checkpoint.torch = TorchWithSafeLoad('torch')
    checkpoint.load_url = safe_load_url


def write_checkpoints_whole(checkpoint: types.ModuleType) -> None:
    """Let a checkpoint file appear whole or not at all.

    Symptom: MMEngine writes a checkpoint in place, after every validation
    with a new best score even over the latest one; killed there, or on a full
    disk, the run cannot be resumed. The same holds for ``last_checkpoint``,
    the file that names the latest one, which may be left empty.
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
        part = f'{filename}.part'
        try:
            save(content, part, *args, **kwargs)
            os.replace(part, filename)
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(part)
            raise

    @functools.wraps(find)
    def find_latest_checkpoint(path: str) -> str | None:
        latest = find(path)
        if latest == '':
            files = [
                file
                for kind in ('iter', 'epoch')
                for file in glob.glob(osp.join(path, f'{kind}_*.pth'))
            ]
            latest = max(files, key=osp.getmtime, default=None)
        return latest

    # Modules that were imported earlier have their own names for the two.
    for module in [m for n, m in sys.modules.items() if 'mmengine' in n]:
        for new in (save_checkpoint, find_latest_checkpoint):
            if vars(module).get(new.__name__) is new.__wrapped__:
                setattr(module, new.__name__, new)


def resume_averages_of_wrapped_parts(ema_hook: types.ModuleType) -> None:
    """Let ``EMAHook`` resume a model whose parts are wrapped for DDP.

    Symptom: under ``MMSeparateDistributedDataParallel`` the averaged weights
    of a resumed run are the initial ones, without any message: their names
    in the file have no ``module.``, and torch's own loading, not strict, drops
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
        # When it resumes; mmpretrain's hook also when it tests.
        loaded = runner._resume or getattr(self, 'load_ema_from_ckpt', False)
        if 'ema_state_dict' in checkpoint and loaded:
            average = checkpoint['ema_state_dict']
            load_state_dict(self.ema_model, average, strict=self.strict_load)

    hook.after_load_checkpoint = after_load_checkpoint


def safe_load(file: Any, map_location: Any = None, **_: Any) -> Any:
    """Load a checkpoint that holds nothing but data.

    Args:
        file: Path or open binary file.
        map_location: As in ``torch.load``.

    Raises:
        ValueError: If the file holds anything that is not on the allow-list,
            or is no checkpoint at all.
    """
    import torch

    no_checkpoint = f'{file}: this is no checkpoint written by torch.save.'
    try:
        return torch.load(file, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(
            r"(?:GLOBAL|Unsupported class|<class) '?([\w.]+)", str(error)
        )
        if found is None:
            raise ValueError(no_checkpoint) from error
        raise ValueError(
            f'{file}: refused, it contains {found[1]}, which is more than '
            'data and could run code while loading. Ask its author for the '
            'state_dict alone, or, if you know and trust that class, allow '
            'it (with torch >= 2.4, by torch.serialization.add_safe_globals '
            'in a module of your custom_imports).'
        ) from error
    except (LookupError, TypeError, ValueError, struct.error) as error:
        # what torch's unpickler meets in a text or an image file
        raise ValueError(no_checkpoint) from error
    except (EOFError, RuntimeError) as error:
        reader = 'PytorchStreamReader' in str(error)
        if not (reader or isinstance(error, EOFError)):
            raise
        raise ValueError(
            f'{file}: the checkpoint is damaged or incomplete. Use an older '
            'one, or fetch it again.'
        ) from error


def safe_load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
) -> Any:
    """Download a checkpoint once into the torch hub folder and load it."""
    from torch import hub

    folder = model_dir or osp.join(hub.get_dir(), 'checkpoints')
    os.makedirs(folder, exist_ok=True)
    file = osp.join(folder, osp.basename(url.split('?')[0]))
    if not osp.exists(file):
        hub.download_url_to_file(url, file, progress=progress)
    return safe_load(file, map_location)


def allow_checkpoint_globals() -> None:
    """Allow what a checkpoint of an MMEngine runner holds besides tensors.

    These are the logging history (``HistoryBuffer``) and NumPy arrays and
    numbers, under the names of NumPy 1 and 2. None of them can run code.
    """
    import numpy as np
    import torch
    from mmengine.logging import HistoryBuffer

    allowed = checkpoint_globals()
    if hasattr(torch.serialization, 'add_safe_globals'):
        torch.serialization.add_safe_globals(allowed)
        return
    # torch 2.1 to 2.3 has no such function, and its loader restores objects
    # by calls only, never by setting their state. So the table that it looks
    # into is extended, and what this process saves is written as calls.
    table = torch._weights_only_unpickler._get_allowed_globals()
    table.update({f'{x.__module__}.{x.__qualname__}': x for x in allowed})
    copyreg.pickle(
        HistoryBuffer,
        lambda x: (
            HistoryBuffer,
            (*(values.tolist() for values in x.data), x.max_length),
        ),
    )
    for number in allowed:
        if isinstance(number, type) and issubclass(number, np.generic):
            copyreg.pickle(number, lambda x: (type(x), (x.item(),)))


def checkpoint_globals() -> list[Any]:
    """List the callables allowed in a checkpoint, named as pickled."""
    import numpy as np
    from mmengine.logging import HistoryBuffer

    rebuild_array = np.empty(0).__reduce__()[0]
    rebuild_number = np.float64(0).__reduce__()[0]
    dtypes = [np.dtype(code) for code in '?bhilqBHILQefd']
    return [
        HistoryBuffer,
        _alias(_history_attribute, 'builtins', 'getattr'),
        codecs.encode,  # bytes; torch >= 2.5 allows it by itself
        np.ndarray,
        np.dtype,
        *{type(dtype) for dtype in dtypes},
        *{dtype.type for dtype in dtypes},
        # The module was renamed in NumPy 2; files of both must load in both.
        *(
            _alias(function, f'numpy.{core}.multiarray', name)
            for core in ('core', '_core')
            for function, name in (
                (rebuild_array, '_reconstruct'),
                (rebuild_number, 'scalar'),
            )
        ),
    ]


def _alias(function: Callable, module: str, name: str) -> Callable:
    """Wrap ``function`` under the name that stands in the files."""

    def alias(*args: Any) -> Any:
        return function(*args)

    alias.__module__, alias.__name__, alias.__qualname__ = module, name, name
    return alias


def _history_attribute(owner: Any, name: str) -> Any:
    """``getattr`` for the statistics of a history, and for nothing else.

    The methods ``HistoryBuffer.mean``, ``min``, ``max`` and ``current`` are
    pickled as ``getattr(HistoryBuffer, name)``.
    """
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name.startswith('_'):
        raise pickle.UnpicklingError(f'GLOBAL getattr of {owner!r} refused')
    return getattr(owner, name)


# --------------------------------------------------------------------------
# mmaction2
# --------------------------------------------------------------------------
def provide_drn() -> None:
    """Stand in for the subpackage that the mmaction2 wheel forgot.

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
                'DRN is not part of the mmaction2 wheel; install mmaction2 '
                'from a source checkout (pip install -e) to use it.'
            )

    for name in (package, f'{package}.drn'):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[f'{package}.drn'].DRN = DRN


def switch_off_broken_multimodal(dependency: types.ModuleType) -> None:
    """Keep a too new ``transformers`` from breaking the model packages.

    Symptom: where ``transformers`` is installed, ``mmaction.models`` imports
    VindLU, and ``mmpretrain.models`` (with pycocoevalcap) BLIP; both need
    ``apply_chunking_to_forward`` in ``transformers.modeling_utils``, which
    4.56 moved away, and VindLU needs timm. The rest of the packages does not.
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
    """Context in which attention has a forward-mode derivative.

    Symptom: ``NotImplementedError: Trying to use forward AD with
    _scaled_dot_product_flash_attention``, of every vision transformer: the
    fused kernels have none, the plain one has.
    Upstream: all versions of torch up to 2.14. Before 2.3 there is nothing
    but the switch for CUDA.
    """
    import torch

    if hasattr(torch.nn, 'attention'):
        kernel = torch.nn.attention.SDPBackend.MATH
        return torch.nn.attention.sdpa_kernel(kernel)
    return torch.backends.cuda.sdp_kernel(
        enable_flash=False, enable_mem_efficient=False
    )
