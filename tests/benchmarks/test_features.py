import numpy as np
import pytest

from fer_ssl.benchmarks.features import (
    Footprint,
    describe_footprints,
    make_store,
    measure_footprint,
)
from fer_ssl.datasets.videos.feature_store import FeatureStore


def test_store(tmp_path):
    arguments = make_store(str(tmp_path), 3, 10, 4)
    store = FeatureStore(arguments['feature_store'])
    assert store.features.shape == (30, 4)
    assert store.valid.all()


def test_footprint(tmp_path):
    found = measure_footprint(
        make_store(str(tmp_path), 5, 20, 16), window=8, items=12
    )
    assert found.frames == 100
    assert found.start_s > 0 and found.item_us > 0
    assert max(abs(found.start_mb), abs(found.items_mb)) < 100
    with pytest.raises(FileNotFoundError):
        measure_footprint(dict(data_root=str(tmp_path / 'no')), 8, 1)


def test_memory_does_not_grow_with_the_store(tmp_path):
    """Reads the same clips from a store that is 20 times as large."""
    few, many = (
        measure_footprint(
            make_store(str(tmp_path / str(videos)), videos, 50, 2048),
            window=16,
            items=80,
        )
        for videos in (4, 80)
    )
    size = 80 * 50 * 2048 * 2 / 2**20  # 16 MB
    assert many.items_mb - few.items_mb < size / 2


def test_table():
    line = describe_footprints([Footprint(3000, 0.123, 1.5, 2.25, 99.9)])
    assert line.splitlines()[-1] == '| 3,000 | 0.12 | 1.5 | 2.2 | 100 |'


def test_tool(run_tool):
    shown = run_tool(
        'features.py',
        '--videos=2 --frames=10 --size=64 --clips=1 --steps=1 --rounds=1 '
        '--workers=0 --few=40 --many=80 --video-frames=20 --dim=8 --items=2 '
        '--window=8 --cfg-options model.backbone.depth=18 '
        'model.cls_head.temporal_encoder.in_channels=512 '
        'model.cls_head.temporal_encoder.embed_dims=32',
    )
    for name in ('network', 'extraction', 'frames', 'features', '80'):
        assert f'| {name} |' in shown
    assert not np.isnan(float(shown.split('|')[-3]))
