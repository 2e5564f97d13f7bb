"""The one server whose forks have the packages imported already."""

import multiprocessing
import os
from multiprocessing import forkserver
from pathlib import Path


def fork_server():
    """Start the server if needed.

    Returns:
        The context of :mod:`multiprocessing` whose processes it forks.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['tests.helpers.preloaded'])
    # It imports from the current folder, which a test may have changed.
    before = os.getcwd()
    os.chdir(Path(__file__).parents[2])
    try:
        forkserver.ensure_running()
    finally:
        os.chdir(before)
    return context
