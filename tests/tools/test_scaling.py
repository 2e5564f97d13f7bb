import re
import runpy
from argparse import Namespace
from functools import partial
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / 'tools/benchmark/scaling.py'))


def options(**kwargs):
    """1 MB of gradients, 1 GB/s, 10 us per hop."""
    given = dict(
        step_ms=100.0,
        bandwidth=1.0,
        latency=10.0,
        feedback='dot',
        hidden=0.0,
        face_kb=10.0,
        core_rate=320.0,
    )
    return Namespace(**dict(given, **kwargs))


def test_formula():
    step = partial(TOOL['step_ms'], weights=250_000)
    assert step(1, options()) == 100
    # 2 ranks: 1 MB each at 1 GB/s is 1 ms; 2 hops, also for 3 small ones
    assert step(2, options()) == pytest.approx(100 + 3 * 1.02 + 3 * 0.02)
    # 4 ranks: 1.5 times the size, 6 hops
    assert step(4, options()) == pytest.approx(100 + 3 * 1.56 + 3 * 0.06)
    assert step(4, options(hidden=0.5)) == pytest.approx(
        100 + 1.5 * 1.56 + 3 * 0.06
    )
    # The forward mode saves one of three reductions.
    assert step(4, options(feedback='jvp')) == pytest.approx(
        100 + 2 * 1.56 + 3 * 0.06
    )


def test_row_of_the_table():
    given = options(bandwidth=TOOL['RESNET50_WEIGHTS'] * 4 / 1e6)
    first, last = (
        TOOL['table_row'](ranks, 1_000_000, given) for ranks in (1, 64)
    )
    assert len(first) == len(TOOL['HEADS'])
    assert first == pytest.approx(
        [1, 0, 100, 100, 320, 1e6 / 320 / 3600, 6.4, 640, 2]
    )
    assert last[0] == 64
    assert 85 < last[3] < 90
    assert last[4] == pytest.approx(64 * 320 * last[3] / 100)


def test_weights_of_the_config():
    config = Config.fromfile(ROOT / 'configs/spatial_r50.py')
    config.model.network.backbone.init_cfg = None
    init_default_scope('mmpretrain')
    weights = MODELS.build(config.model.network).parameters()
    trained = sum(x.numel() for x in weights if x.requires_grad)
    assert trained == TOOL['RESNET50_WEIGHTS']


def test_tool(call):
    shown = call(
        'python {tools}/benchmark/scaling.py --step-ms=300 --bandwidth=20 '
        '--latency=15'
    )
    assert '6,000,000 unlabeled faces, 48 GB' in shown
    assert len(re.findall(r'^\| 64 \|', shown, re.M)) == 2


def test_gathering(call):
    shown = call('python {tools}/benchmark/gather.py --predictions 321')
    rows = re.findall(
        r'^\| (\w[^|]*) \|(?: [\d.]+ \|){5} [\d.]+ \|', shown, re.M
    )
    assert len(rows) == 4


def test_checkpoints(call):
    config = ROOT / 'configs/demo/demo_spatial.py'
    shown = call(f'python {{tools}}/benchmark/checkpoint.py {config}')
    # The weights twice, each with the momentum of its optimizer.
    row = re.search(r'demo_spatial.py \| ([\d.]+) \| ([\d.]+)', shown)
    weights, size = map(float, row.groups())
    assert size == pytest.approx(8 * weights, rel=0.1)
