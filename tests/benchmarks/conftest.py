from pathlib import Path

import pytest

from tests.helpers.forked_script import run_script

TOOLS = Path(__file__).parents[2] / 'tools/benchmark'


@pytest.fixture
def run_tool(tmp_path):
    """Function that runs a tool in ``tmp_path`` and returns what it prints."""

    def run(name, options):
        done = run_script(TOOLS / name, *options.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run
