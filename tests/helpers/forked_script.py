"""Scripts in processes of their own that need not import everything anew."""

import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.helpers.fork_server import fork_server


def _run(path, args, folder, env, outputs):
    for stream, output in enumerate(outputs, start=1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), stream)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    # An interpreter does this at its start; this one started long ago.
    folders = env.get('PYTHONPATH', '').split(os.pathsep)
    sys.path[:0] = [str(Path(path).parent), *filter(None, folders)]
    sys.argv = [path, *args]
    runpy.run_path(path, run_name='__main__')


def run_script(path, *args, cwd=None, env=None):
    """Run a Python script as a command would, but start it faster.

    The process comes from a server that has imported the packages, which
    takes longer than most scripts do.

    Args:
        path: The script.
        args: Words of its command line, of any type.
        cwd: Folder to run it in. Defaults to the current one.
        env: Its environment. Defaults to the current one.

    Returns:
        What ``subprocess.run`` returns for it, with both outputs as text.
    """
    context = fork_server()
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
