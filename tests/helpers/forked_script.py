"""Scripts in processes of their own that need not import everything anew."""

import inspect
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from multiprocessing import resource_tracker
from pathlib import Path


def _run(path, args, folder, env, outputs):
    for stream, output in enumerate(outputs, start=1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    subprocess.Popen = _ForkedPopen
    _run_as_main(path, args)


def _run_as_main(path, args):
    folders = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    sys.path[:0] = [str(Path(path).parent), *filter(None, folders)]
    sys.argv = [path, *args]
    runpy.run_path(path, run_name='__main__')


_PIPES = 'p2cread', 'p2cwrite', 'c2pread', 'c2pwrite', 'errread', 'errwrite'


class _ForkedPopen(subprocess.Popen):
    """As ``Popen``, but Python scripts start as forks of this process.

    A script that runs others, as trainings, need not wait for their imports
    either. Other commands start as ever.
    """

    def _execute_child(self, *args, **kwargs):
        execute = super()._execute_child
        given = inspect.signature(execute).bind(*args, **kwargs).arguments
        words = given['args']
        if (
            isinstance(words, (str, os.PathLike))
            or len(words) < 2
            or words[0] != sys.executable
            or not str(words[1]).endswith('.py')
            or given['preexec_fn'] is not None
            # The fork of another thread would not end as a process does.
            or threading.current_thread() is not threading.main_thread()
        ):
            return execute(*args, **kwargs)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            process = multiprocessing.Process(target=_replace, args=(given,))
            os._exit(process._bootstrap())
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _PIPES))


def _replace(given):
    """What an exec would do to this process, then the script."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if given['start_new_session']:
        os.setsid()
    streams = given['p2cread'], given['c2pwrite'], given['errwrite']
    for stream, end in enumerate(streams):
        if end != -1:
            os.dup2(end, stream)
    # Loaders of the script report their semaphores to the same tracker.
    tracker = resource_tracker.getfd()
    kept = sorted({2, tracker, *given['pass_fds']})
    for low, high in zip(kept, [*kept[1:], os.sysconf('SC_OPEN_MAX')]):
        os.closerange(low + 1, high)
    if given['cwd'] is not None:
        os.chdir(given['cwd'])
    if given['env'] is not None:
        os.environ.clear()
        os.environ.update(given['env'])
    words = [str(word) for word in given['args'][1:]]
    _run_as_main(words[0], words[1:])


def run_script(path, *args, cwd=None, env=None):
    """Run a Python script as a command would, but start it faster.

    The process comes from a server that has imported the packages, which
    takes longer than most scripts do. The scripts that it starts itself are
    forks of it for the same reason.

    Args:
        path: The script.
        args: Words of its command line, of any type.
        cwd: Folder to run it in. Defaults to the current one.
        env: Its environment. Defaults to the current one.

    Returns:
        What ``subprocess.run`` returns for it, with both outputs as text.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([__name__, 'tests.helpers.preloaded'])
    words = [str(path), *map(str, args)]
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder, name) for name in ('stdout', 'stderr')]
        for output in outputs:
            output.touch()
        process = context.Process(
            target=_run,
            args=(
                words[0],
                words[1:],
                str(cwd or os.getcwd()),
                dict(os.environ if env is None else env),
                outputs,
            ),
        )
        process.start()
        process.join()
        return subprocess.CompletedProcess(
            words, process.exitcode, *(x.read_text('utf-8') for x in outputs)
        )
