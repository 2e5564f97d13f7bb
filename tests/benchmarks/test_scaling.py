from pathlib import Path

import pytest
from mmengine.config import Config

from fer_ssl.benchmarks.scaling import (
    REDUCTIONS,
    RESNET50_WEIGHTS,
    Load,
    Machine,
    describe_scaling,
    measure_link,
    scaling_table,
    trained_weights_of,
)


def machine(**kwargs):
    # 1 MB of gradients, 1 GB/s, 10 us
    given = dict(
        step_ms=100.0,
        bandwidth=1.0,
        latency_us=10.0,
        weights=250_000,
        reductions=3,
        small_reductions=0,
    )
    return Machine(**dict(given, **kwargs))


def test_formula():
    assert machine().step_on(1) == 100
    # 2 ranks: 1 MB each at 1 GB/s = 1 ms, and 2 hops
    assert machine().reduction_ms(2) == pytest.approx(1.02)
    assert machine().step_on(2) == pytest.approx(100 + 3 * 1.02)
    # 4 ranks: 1.5 times the size, 6 hops
    assert machine().reduction_ms(4) == pytest.approx(1.56)
    assert machine(hidden=0.5).step_on(4) == pytest.approx(100 + 1.5 * 1.56)
    assert machine(small_reductions=2).step_on(4) == pytest.approx(
        100 + 3 * 1.56 + 2 * 0.06
    )


def test_table():
    load = Load(32, 64, faces=1_000_000, face_kb=10.0, core_rate=480.0)
    first, last = scaling_table(machine(), load, [1, 64])
    assert first['efficiency'] == 1
    assert first['faces_per_s'] == pytest.approx(640)
    assert first['decode_per_s'] == pytest.approx(960)
    assert first['read_mb_per_s'] == pytest.approx(9.6)
    assert first['cores'] == pytest.approx(2)
    assert first['epoch_h'] == pytest.approx(1e6 / 640 / 3600)
    assert last['gpus'] == 64
    assert 0.9 < last['efficiency'] < 1
    assert last['faces_per_s'] == pytest.approx(64 * 640 * last['efficiency'])
    lines = describe_scaling([first, last]).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith('| 1 | 0.0 | 100.0 | 100.0 | 640.0 |')


def test_estimators():
    """The forward mode spares one of three reductions."""
    assert REDUCTIONS['dot'] == 3
    assert REDUCTIONS['jvp'] == 2


def test_weights_of_the_config():
    root = Path(__file__).parents[2]
    config = Config.fromfile(root / 'configs/spatial_r50.py')
    config.model.network.backbone.init_cfg = None
    assert trained_weights_of(config) == RESNET50_WEIGHTS


def test_link():
    bandwidth, latency = measure_link(seconds=0.1, weights=100_000)
    assert bandwidth > 0 and latency > 0
