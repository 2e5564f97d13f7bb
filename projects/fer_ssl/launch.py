"""Options, device selection and error handling that the scripts share.

torch is imported inside the functions, because ``CUDA_VISIBLE_DEVICES`` has to
be set first, and because ``mim train`` runs ``train.py -h`` every time just to
read the help text.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import importlib.util
import inspect
import os
import os.path as osp
import platform
import re
import shlex
import signal
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from mmengine.config import Config, ConfigDict
from yaml import MarkedYAMLError, YAMLError

from .utils.config_options import entry_of, read_options
from .utils.config_types import class_of, is_type
from .utils.files import make_folder
from .utils.lost_workers import lost_worker
from .utils.placeholders import check_file
from .utils.terminal import hold_back_warnings

if TYPE_CHECKING:
    from mmengine.runner import Runner


class _KeyValueAction(argparse.Action):
    """Collect ``KEY=VALUE`` arguments in a dict of texts."""

    def __call__(self, parser, namespace, values, option_string=None):
        options = dict(getattr(namespace, self.dest))
        for value in values:
            key, separator, text = value.partition('=')
            if not separator:
                parser.error(f'{option_string}: {value!r} is not key=value.')
            options[key] = text
        setattr(namespace, self.dest, options)


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, whose texts :func:`read_options` reads."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_KeyValueAction,
        default={},
        metavar='KEY=VALUE',
        help='changes to the config, for example '
        'train_dataloader.batch_size=16 or key="[a,b]"',
    )


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a script needs that reads a config but trains nothing."""
    add_cfg_options(parser)
    # load_config reads these, which only add_launch_arguments offers.
    parser.set_defaults(
        work_dir=None, launcher='none', gpus=1, device='auto', local_rank=0
    )


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the network of an inferencer."""
    parser.add_argument(
        '--checkpoint', help='weights; default: those of the package'
    )
    parser.add_argument(
        '--config', help='config; default: the one inside the checkpoint'
    )
    parser.add_argument(
        '--device',
        help='device of the network; default: a GPU if there is one',
    )


def add_launch_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``mim`` and the dist/slurm scripts pass."""
    add_config_arguments(parser)
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints; default: work_dir of the '
        'config, or else ./work_dirs/<name of the config>',
    )
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch', 'slurm', 'mpi'),
        default='none',
        help='what launched the processes of a distributed run',
    )
    # `mim train` passes these two only where the help text shows them.
    parser.add_argument(
        '--gpus',
        type=int,
        default=1,
        help='number of GPUs; 0 runs on the CPU, and more than 1 needs '
        '--launcher pytorch',
    )
    parser.add_argument(
        '--device',
        choices=('auto', 'cpu'),
        default='auto',
        help='auto uses a GPU if there is one',
    )
    # torch.distributed.launch passes it in one spelling or the other.
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help=argparse.SUPPRESS,
    )


def load_config(args: argparse.Namespace) -> Config:
    """Read the config, and apply the launch arguments to it and to CUDA.

    Raises:
        FileNotFoundError: There is no such config; the message suggests
            similar names.
        ImportError: mmcv is not installed; the message gives the remedy.
        ValueError: A ``--cfg-options`` value does not fit the config, or the
            config itself rejects something, such as an environment variable.
    """
    # Before reading the config, which may import torch.
    select_device(args)
    importlib.util.find_spec('mmcv')  # MissingMMCV raises before any work
    path = find_config(args.config)
    cfg = read_config_file(path)
    for key in args.cfg_options:
        warn_of_new_key(cfg, key)  # before the merge, which adds the key
    data_root = cfg.get('data_root')
    options = read_options(cfg, args.cfg_options)
    warn_of_text(cfg, options)
    try:
        cfg.merge_from_dict(options)
    except (KeyError, TypeError) as error:
        raise ValueError(f'--cfg-options: {error.args[0]}') from error
    if 'data_root' in args.cfg_options:
        replace_data_root(cfg, data_root, cfg.data_root)
    cfg.launcher = args.launcher
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join('./work_dirs', path.stem)
    return cfg


def read_config_file(path: str | Path, **options: Any) -> Config:
    """Read a config file.

    Args:
        path: Python, which runs, or YAML or JSON.
        options: Arguments of ``Config.fromfile``.

    Raises:
        ValueError: It is not valid, or rejects something itself, such as an
            environment variable; the message names the file.
    """
    try:
        return Config.fromfile(path, **options)
    except MarkedYAMLError as error:
        # MMEngine reads a copy, in which the lines are the same.
        line = (error.problem_mark or error.context_mark).line + 1
        raise ValueError(
            f'{path}:{line}: not valid YAML for data: {error.problem}.'
        ) from error
    except (ValueError, YAMLError) as error:
        raise ValueError(f'{path}: {error}') from error


def find_config(name: str) -> Path:
    """Find a config by its path, or a config of the package by its file name.

    ``mim train`` and ``mim test`` do this lookup themselves, but ``mim run``
    does not.

    Raises:
        FileNotFoundError: There is none; the message suggests similar names.
        ValueError: It is a Git LFS pointer or a web page.
    """
    path = Path(name)
    if path.is_file():
        check_file(path)
        return path
    package = Path(__file__).parent
    suffix = path.suffix or '.py'
    roots = (package / '.mim', package.parent)  # installed, checkout
    shipped = [x for r in roots for x in r.glob(f'configs/**/*{suffix}')]
    for config in shipped:
        if config.name == path.name:
            return config
    known = [x.name for x in [*path.parent.glob(f'*{suffix}'), *shipped]]
    raise FileNotFoundError(
        f'config {path} does not exist{_similar(path.name, known)}'
    )


def replace_data_root(node: Any, old: str, new: str) -> None:
    """Pass a new top-level ``data_root`` on to the datasets of a config.

    The datasets copied the old value when the config was read, before
    ``--cfg-options`` changed the top-level one.
    """
    if isinstance(node, (Config, ConfigDict)):
        if 'data_root' in node and node.data_root == old:
            node.data_root = new
        node = node.values()
    elif not isinstance(node, (list, tuple)):
        return
    for value in node:
        replace_data_root(value, old, new)


def check_start_weights(node: Any, name: str = 'model') -> None:
    """Check that the files of ``init_cfg=dict(type='Pretrained')`` exist.

    URLs are not checked.

    Args:
        node: The config of a model, or a part of it.
        name: Key of ``node`` in the config, for messages.

    Raises:
        FileNotFoundError: A local file is missing; the message names it and
            the key of the config.
    """
    from mmengine.registry import WEIGHT_INITIALIZERS

    if isinstance(node, ConfigDict):
        path = node.get('checkpoint')
        if (
            isinstance(path, str)
            and is_type(node, 'Pretrained', WEIGHT_INITIALIZERS)
            and not ('://' in path or osp.isfile(path))
        ):
            raise FileNotFoundError(
                f'{name}: the pretrained weights {path} do not exist. Train '
                f'them first, name another file, or set {name}=None.'
            )
        for key, value in node.items():
            check_start_weights(value, f'{name}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            check_start_weights(value, f'{name}.{index}')


def select_device(args: argparse.Namespace) -> None:
    """Hide the GPUs from torch if the arguments ask for the CPU.

    Raises:
        ValueError: Several GPUs are asked for without a launcher.
    """
    if args.gpus > 1 and args.launcher == 'none':
        raise ValueError(
            f'--gpus {args.gpus} needs one process per GPU: add '
            '--launcher pytorch to mim, or use tools/dist_train.sh.'
        )
    if args.device == 'cpu' or args.gpus == 0:
        os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
    # MMEngine reads the local rank from the environment only.
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))


def warn_of_new_key(cfg: Config, key: str) -> None:
    """Warn about an option whose key the config lacks: likely a typo."""
    known: Any = cfg
    for position, name in enumerate(key.split('.')):
        if not isinstance(known, (Config, ConfigDict)):
            return  # a list index, which the merge checks itself
        if name not in known:
            names = list(known.keys())
            if position == 0:  # valid even if the config does not set them
                names += _runner_arguments()
            if name not in names:
                print(
                    f'warning: --cfg-options {key}: the config has no '
                    f'{name!r} there, so it is added{_similar(name, names)}',
                    file=sys.stderr,
                )
            return
        known = known[name]


def warn_of_text(cfg: Config, options: Mapping[str, Any]) -> None:
    """Warn about options that put text in the place of a number."""
    for key, value in options.items():
        entry = entry_of(cfg, key)
        # 'dynamic' as a loss scale is right.
        if type(entry) in (int, float) and isinstance(value, str):
            print(
                f'warning: --cfg-options {key}: {value!r} is text, but the '
                f'config has the number {entry} there.',
                file=sys.stderr,
            )


def _runner_arguments() -> list[str]:
    from mmengine.runner import Runner

    return list(inspect.signature(Runner.__init__).parameters)


def _similar(name: str, names: list[str]) -> str:
    """End a sentence, with similar names if there are any."""
    near = difflib.get_close_matches(name, set(names))
    return f'; did you mean {" or ".join(near)}?' if near else '.'


def check_loops(cfg: Config) -> None:
    """Check that loops and loaders have the arguments that the config gives.

    Raises:
        ValueError: One does not accept an argument, such as ``max_epochs``
            if a loop counts iterations; the message names the key of the
            config.
    """
    from mmengine.registry import LOOPS

    for place, loader in cfg.items():
        if place.endswith('_dataloader') and isinstance(loader, dict):
            _check_loader(place, loader)
    for place, kind in (
        ('train_cfg', None),
        ('val_cfg', 'ValLoop'),
        ('test_cfg', 'TestLoop'),
    ):
        loop = dict(cfg.get(place) or {})
        if place == 'train_cfg' and 'type' not in loop:  # as MMEngine does
            by_epoch = loop.pop('by_epoch', False)
            kind = f'{"Epoch" if by_epoch else "Iter"}BasedTrainLoop'
        kind = class_of({'type': kind, **loop}, LOOPS)
        if not inspect.isclass(kind):
            continue  # MMEngine names it
        names = _argument_names(kind)
        for key in loop:
            if names is None or key in ('type', *names):
                continue
            other = dict(max_epochs='max_iters', max_iters='max_epochs')
            hint = _similar(key, names)
            if other.get(key) in names:
                counted = other[key].removeprefix('max_')
                hint = f', it counts {counted}. Set {place}.{other[key]}.'
                hint = hint.replace('iters.', 'iterations.', 1)
            raise ValueError(
                f'{place}.{key}: {kind.__name__} has no such argument{hint}'
            )


def check_schedules(cfg: Config) -> None:
    """Check that each parameter schedule begins before the training ends.

    Raises:
        ValueError: One does not, as if the training is shorter than the
            warm-up; the message names the keys of the config.
    """
    loop = cfg.get('train_cfg') or {}
    for place, schedule in _schedules(cfg.get('param_scheduler')):
        by_epoch = schedule.get('by_epoch', True)
        last = 'max_epochs' if by_epoch else 'max_iters'
        begin = schedule.get('begin', 0)
        if loop.get(last) is not None and begin >= loop[last]:
            raise ValueError(
                f'{place}.begin={begin}: {schedule.type} would begin after '
                f'the end of the training, train_cfg.{last}={loop[last]}. '
                'Train longer, or let it and the end of the warm-up before it '
                'come earlier.'
            )


def _schedules(
    node: Any, place: str = 'param_scheduler'
) -> Iterator[tuple[str, ConfigDict]]:
    """Yield key and config of each schedule, of one or several optimizers."""
    if isinstance(node, dict) and 'type' in node:
        yield place, node
        return
    parts = node.items() if isinstance(node, dict) else enumerate(node or ())
    for key, part in parts:
        yield from _schedules(part, f'{place}.{key}')


def _check_loader(place: str, loader: dict) -> None:
    """Check the keys and the batch size of a loader of the config."""
    from torch.utils.data import DataLoader

    # The last one is of MMEngine itself.
    names = [*_argument_names(DataLoader), 'num_batch_per_epoch']
    for key in loader:
        if key not in names:
            raise ValueError(
                f'{place}.{key}: a data loader has no such argument'
                f'{_similar(key, names)}'
            )
    size = loader.get('batch_size')
    if size is not None and (type(size) is not int or size < 1):
        raise ValueError(
            f'{place}.batch_size={size!r}: must be a positive integer.'
        )


def _argument_names(kind: type) -> list[str] | None:
    """Return the arguments of a class, also those passed to its bases."""
    names: list[str] = []
    for base in kind.__mro__:
        if '__init__' not in vars(base):
            continue
        arguments = inspect.signature(base.__init__).parameters.values()
        names += [x.name for x in arguments]
        if not any(x.kind is x.VAR_KEYWORD for x in arguments):
            return names
    return None  # anything may be passed


def enable_amp(cfg: Config) -> None:
    """Turn each optimizer wrapper of the config into ``AmpOptimWrapper``.

    Raises:
        ValueError: There is no accelerator, or a wrapper is of a type without
            a mixed-precision variant.
    """
    from mmengine.device import get_device
    from mmengine.optim import AmpOptimWrapper, OptimWrapper
    from mmengine.registry import OPTIM_WRAPPERS

    if get_device() == 'cpu':
        raise ValueError('--amp needs a GPU, but none is in use.')
    wrapper = cfg.optim_wrapper
    parts = [wrapper]
    if 'optimizer' not in wrapper:  # dict(constructor=, teacher=, student=)
        parts = [part for part in wrapper.values() if isinstance(part, dict)]
    for part in parts:
        kind = OptimWrapper
        if 'type' in part:
            kind = class_of(part, OPTIM_WRAPPERS)
        if kind not in (OptimWrapper, AmpOptimWrapper):
            raise ValueError(
                f'--amp cannot replace the optimizer wrapper {part.type}.'
            )
        part.type = 'AmpOptimWrapper'
        part.setdefault('loss_scale', 'dynamic')


def use_gloo_without_gpu(cfg: Config) -> None:
    """Let ``--launcher pytorch`` work on a machine without a GPU.

    MMEngine would call ``torch.cuda.set_device`` and pass the local rank to
    the model wrapper as a CUDA device.
    """
    from mmengine.device import get_device
    from torch import distributed

    if cfg.launcher != 'pytorch' or get_device() != 'cpu':
        return
    distributed.init_process_group('gloo')
    if cfg.get('model_wrapper_cfg') is None:  # what the runner would build
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
    cfg.model_wrapper_cfg.device_ids = None


def load_strictly(runner: Runner) -> None:
    """Make ``runner`` reject a checkpoint that does not fit its model.

    MMEngine only logs missing and unexpected keys and continues with random
    weights. When resuming, the checkpoint must also contain training state.
    """
    load = runner.load_checkpoint

    def load_checkpoint(filename: str, *args: Any, **kwargs: Any) -> dict:
        try:
            content = load(filename, *args, **{**kwargs, 'strict': True})
            if runner._resume:
                check_training(filename, content)
            return content
        except RuntimeError as error:
            # MMEngine's words for missing and unexpected keys.
            if 'do not match exactly' not in str(error):
                raise
            lines = [x for x in str(error).splitlines()[1:] if x.strip()]
            details = [textwrap.shorten(x, 200) for x in lines[:6]]
            raise ValueError(
                f'checkpoint {filename} has a different architecture from the '
                'model in the config:\n  ' + '\n  '.join(details)
            ) from error

    runner.load_checkpoint = load_checkpoint


def lock_work_dir(cfg: Config) -> None:
    """Lock the work directory, so that no second training runs in it.

    The operating system releases the lock when the process ends, however it
    ends.

    Raises:
        ValueError: Another training is running in the folder, or the folder
            is not writable.
    """
    import fcntl  # does not exist on Windows

    make_folder(cfg.work_dir)
    rank = os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0'))
    if cfg.launcher != 'none' and rank != '0':
        return
    path = osp.join(cfg.work_dir, 'training.lock')
    lock = open(path, 'a+')  # noqa: SIM115 (open while the process lives)
    try:
        # Not flock: loader workers would inherit the lock and might outlive
        # this process.
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        lock.seek(0)
        raise ValueError(
            f'{cfg.work_dir}: another training ({lock.read().strip()}) is '
            'running there. Wait for it, stop it, or choose another '
            '--work-dir.'
        ) from None
    except OSError:
        return  # a file system without locks
    lock.truncate(0)
    lock.write(f'process {os.getpid()} on {platform.node()}')
    lock.flush()
    _locks.append(lock)


_locks: list[Any] = []  # keeps the files open, and so the locks held


def outlive_mim(launcher: str) -> None:
    """Continue in a child process if mim started this process.

    On Ctrl-C mim kills its child process after a quarter of a second, too
    early to finish an iteration and write a checkpoint. Therefore mim's child
    only waits, and passes signals on to the process that trains.
    """
    if '.mim' not in Path(sys.argv[0]).parts or launcher != 'none':
        return
    sys.stdout.flush()  # otherwise both processes print what is buffered
    child = os.fork()
    if not child:
        end_with_parent()  # again, as this process has a new parent
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(child, number))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # Not sys.exit: the child has already run the exit handlers.
    os._exit(code if code >= 0 else 128 - code)


def end_with_parent() -> None:
    """Send this process SIGTERM when its launcher is gone.

    mim and torchrun start a script as their child process, and if they are
    killed, nothing else ends it. A process that was started by a shell or a
    supervisor, or in a session of its own, keeps running, as ``nohup``
    promises. This works on Linux only.
    """
    parent = os.getppid()
    try:
        words = Path(f'/proc/{parent}/cmdline').read_bytes().split(b'\0')
    except OSError:
        return
    is_python = osp.basename(words[0]).startswith(b'python')
    detached = os.getsid(0) == os.getpid()
    # torchrun gives its workers sessions of their own, too.
    if not is_python or detached and 'TORCHELASTIC_RUN_ID' not in os.environ:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def resume_command(config: str, launcher: str) -> str:
    """Return the command that resumes the training of this process."""
    script, *words = sys.argv
    if '--resume' in words:
        i = words.index('--resume')
        has_value = words[i + 1 : i + 2] and words[i + 1][:1] != '-'
        del words[i : i + 2 if has_value else i + 1]
    # The launcher adds --local_rank again.
    words = [x for x in words if not x.startswith(('--resume=', '--local'))]
    processes = os.environ.get('LOCAL_WORLD_SIZE', '1')
    if '.mim' in Path(script).parts:
        start = ['mim', 'train', 'fer_ssl']
        if launcher == 'pytorch':
            start += ['--gpus', processes]
    elif launcher == 'pytorch':
        words.remove(config)
        start = ['bash', osp.join(osp.dirname(script), 'dist_train.sh')]
        start += [config, processes]
    else:
        start = ['python', script]
    return shlex.join([*start, *words, '--resume'])


@contextmanager
def results_in(folder: str) -> Iterator[None]:
    """Name the folder of the results in an OSError that names no file.

    Raises:
        OSError: The same error, with ``filename``.
    """
    try:
        yield
    except OSError as error:
        about_file = error.errno in _REMEDIES and not error.filename
        if not about_file or _is_ours(error) or lost_worker(error):
            raise
        raise OSError(error.errno, error.strerror, folder) from error


_REMEDIES = {
    errno.ENOSPC: 'Free some space, or choose another folder.',
    errno.EDQUOT: 'Free some space, or choose another folder.',
    errno.EACCES: 'Change its permissions, or choose another path.',
    errno.EPERM: 'Change its permissions, or choose another path.',
    errno.EROFS: 'Choose a path that is writable.',
    errno.ENOTDIR: 'A part of the path is a file. Choose another path.',
    errno.EISDIR: 'Name a file, not a folder.',
    errno.ENOENT: 'Check the path.',
}


def _is_ours(error: BaseException) -> bool:
    """Return whether this package raised an error, and so worded it."""
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    if _is_from_worker(error):
        raised_in = re.findall(r'^  File "(.+?)"', str(error), re.M)[-1]
    return Path(__file__).parent in Path(raised_in).parents


def _is_from_worker(error: BaseException) -> bool:
    """Return whether an error is a worker's, passed on by torch as text."""
    return bool(re.match(r'Caught \w+ in DataLoader worker', str(error)))


def check_training(filename: str, content: dict) -> None:
    """Check that a training can be resumed from a checkpoint.

    Args:
        filename: Path of the checkpoint, for the message.
        content: Its content.

    Raises:
        ValueError: It has no training state; the message gives the remedy.
    """
    # CheckpointHook(save_optimizer=False) leaves the optimizer out.
    content = {'optimizer': {}, **content}
    parts = [content.get(x) for x in ('meta', 'message_hub', 'optimizer')]
    if not all(isinstance(x, dict) for x in parts) or not all(
        type(parts[0].get(x)) is int for x in ('epoch', 'iter')
    ):
        raise ValueError(
            f'{filename}: this checkpoint has no training state, so a '
            'training cannot be resumed from it. Use one that has, or start '
            'from the weights of this one: pass --cfg-options '
            f'load_from={filename} without --resume.'
        )


def run(main: Callable[[], None]) -> None:
    """Run the main function of a script and report its errors.

    An error raised by this package, every operating system error about a file,
    and the loss of a loader worker are printed as one line. Any other error
    keeps its traceback. A training that was stopped by a signal prints the
    command to resume it and exits with code 128 + signal. The script ends when
    its launcher does.
    """
    end_with_parent()
    hold_back_warnings()
    try:
        main()
    except BrokenPipeError:
        # The reader of the output is gone. Closing standard output at exit
        # would raise the same error again, hence /dev/null.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, EOFError, RuntimeError) as error:
        text = lost_worker(error)
        if text is not None:
            sys.exit(
                f'error: {text}. If it was killed for lack of memory, use '
                'fewer: num_workers of the data loaders.'
            )
        if not isinstance(error, OSError):
            raise
        sys.exit(f'error: {describe_error(error)}')
    except (ImportError, ValueError) as error:
        if not _is_ours(error):
            raise
        sys.exit(f'error: {describe_error(error)}')
    except (KeyError, TypeError) as error:
        # MMEngine raises errors of hooks again; the context is the first one.
        text = _describe_wrong_component(error.__context__ or error)
        if text is None:
            raise
        sys.exit(f'error: {text}')
    except KeyboardInterrupt as stop:
        if str(stop):
            print(stop, file=sys.stderr)
        sys.exit(128 + getattr(stop, 'number', signal.SIGINT))


def _describe_wrong_component(error: BaseException) -> str | None:
    """Describe a type or an argument that a config misspells.

    Returns:
        ``None`` if the error has another cause.
    """
    from mmengine.registry import build_from_cfg

    frames = [x for x, _ in traceback.walk_tb(error.__traceback__)]
    built = [x for x in frames if x.f_code is build_from_cfg.__code__]
    if not built:
        return None
    variables = built[-1].f_locals
    if isinstance(error, KeyError):
        kind, registry = variables.get('obj_type'), variables['registry']
        if frames[-1] is not built[-1] or not isinstance(kind, str):
            return None
        names = []
        while registry is not None:
            names += registry.module_dict
            registry = registry.parent
        return (
            f'type={kind!r}: no component of this name is registered'
            f'{_similar(kind, names)}'
        )
    found = re.search(r"unexpected keyword argument '(\w+)'$", str(error))
    if found is None or found[1] not in variables['args']:
        return None
    kind, name = variables['obj_cls'], found[1]
    names = _argument_names(kind) or [] if inspect.isclass(kind) else []
    if name in names:  # a call inside the component
        return None
    return f'{kind.__name__} has no argument {name!r}{_similar(name, names)}'


def describe_error(error: Exception) -> str:
    """Return the message of an error, with path and remedy if about a file."""
    if _is_from_worker(error):
        # TYPE: MESSAGE follows the last frame and its line of code.
        text = re.split(r'^  File ".+\n(?: .*\n)*', str(error), flags=re.M)[-1]
        return text.partition(': ')[2].strip()
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if error.filename is None:
        return error.strerror
    remedy = _REMEDIES.get(error.errno, '')
    return f'{error.filename}: {error.strerror}. {remedy}'.strip()
