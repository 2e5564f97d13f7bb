"""The temporal phase and the inferencer work without mmaction2."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    'tests',
    [
        'tests/models/test_frame_recognizer.py',
        'tests/models/test_tasks_end_to_end.py',
        'tests/apis/test_expression_inferencer.py',
    ],
)
def test_temporal_phase(tests):
    """Extracts, trains, tests and predicts with mmaction2 hidden."""
    plugin = ('-p', 'tests.helpers.without_mmaction2')
    done = run('-m', 'pytest', '-q', *plugin, tests)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_configs_with_the_scope_of_mmaction2():
    """Such as those in older checkpoints."""
    done = run(
        '-c',
        'import tests.helpers.without_mmaction2, fer_ssl\n'
        'from mmengine.registry import MODELS, init_default_scope\n'
        'from tests.helpers.tiny_networks import frame_recognizer\n'
        'init_default_scope("mmaction")\n'
        'print(type(MODELS.build(frame_recognizer())).__name__)',
    )
    assert done.stdout.split()[-1] == 'FrameRecognizer', done.stderr


def test_hiding_hides():
    done = run('-c', 'import tests.helpers.without_mmaction2, mmaction')
    assert "No module named 'mmaction'" in done.stderr
