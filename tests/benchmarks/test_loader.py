import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from torchvision.transforms import functional as tvf

from fer_ssl.benchmarks import loader as loader_benchmark
from fer_ssl.benchmarks.loader import (
    PLAIN,
    PlainDataset,
    PlainRandAugment,
    compare_loading,
    copy_images,
    make_images,
    unlabeled_pipeline,
)
from fer_ssl.benchmarks.timing import describe

ROOT = Path(__file__).parents[2]


def pipeline(size=24):
    """Pipeline of the config's weak and strong views, for small images."""
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/fer_224.py')
    steps = unlabeled_pipeline(config)
    steps[1]['scale'] = (size + 4, size + 4)
    for view in steps[2]['transforms']:
        view[0]['crop_size'] = size
    return steps


@pytest.mark.parametrize('workers', [0, 1])
def test_all_formats_are_compared(tmp_path, workers):
    make_images(str(tmp_path / 'images'), 12, 32)
    speeds = compare_loading(
        str(tmp_path),
        pipeline(),
        rounds=2,
        images=8,
        batch_size=4,
        workers=workers,
    )
    assert [speed.name for speed in speeds] == [
        PLAIN,
        'JPEG folder',
        'RecordIO',
        'tar',
    ]
    for speed in speeds:
        assert len(speed.rates) == len(speed.ratios) == 2
        assert min(speed.rates) > 0
    assert speeds[0].ratios == [1, 1]
    table = describe(speeds, 'format', 'images/s').splitlines()
    assert len(table) == 6
    assert table[2].endswith('| 1.00 | 1.00 | 1.00 |')


def test_different_work_is_not_compared(tmp_path, monkeypatch):
    make_images(str(tmp_path / 'images'), 4, 32)
    monkeypatch.setattr(
        PlainDataset, '__getitem__', lambda self, i: [torch.zeros(3, 8, 8)] * 2
    )
    with pytest.raises(RuntimeError, match='JPEG folder gives'):
        compare_loading(str(tmp_path), pipeline())


def test_plain_views(tmp_path):
    make_images(str(tmp_path), 3, 32)
    paths = sorted(str(path) for path in tmp_path.iterdir())
    weak, strong = PlainDataset(paths, pipeline())[1]
    for view in (weak, strong):
        assert view.shape == (3, 24, 24)
        assert view.dtype == torch.uint8
    steps = pipeline()
    steps[2]['num_views'] = [1, 2]
    assert len(PlainDataset(paths, steps)[0]) == 3
    with pytest.raises(ValueError, match='can be compared'):
        PlainDataset(paths, steps[:2])
    steps[2]['transforms'][0].append(dict(type='GaussianBlur'))
    with pytest.raises(ValueError, match='GaussianBlur has no counterpart'):
        PlainDataset(paths, steps)


def policy(kind, **kwargs):
    return dict(
        num_policies=1,
        magnitude_level=10,
        magnitude_std=0,
        total_level=10,
        policies=[dict(type=kind, prob=1.0, **kwargs)],
    )


@pytest.mark.parametrize(
    'kind, kwargs, function',
    [
        ('AutoContrast', {}, tvf.autocontrast),
        ('Equalize', {}, tvf.equalize),
        (
            'Posterize',
            dict(magnitude_range=(8, 4)),
            lambda x: tvf.posterize(x, 4),
        ),
        (
            'Solarize',
            dict(magnitude_range=(256, 128)),
            lambda x: tvf.solarize(x, 128),
        ),
        (
            'Brightness',
            dict(magnitude_range=(0, 0.5)),
            [
                lambda x: tvf.adjust_brightness(x, 1.5),
                lambda x: tvf.adjust_brightness(x, 0.5),
            ],
        ),
        (
            'Translate',
            dict(magnitude_range=(0, 0.25), direction='vertical'),
            [
                lambda x: tvf.affine(
                    x, 0, [0, 8], 1, [0.0, 0.0], fill=[128] * 3
                ),
                lambda x: tvf.affine(
                    x, 0, [0, -8], 1, [0.0, 0.0], fill=[128] * 3
                ),
            ],
        ),
    ],
)
def test_policies(kind, kwargs, function):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8))
    functions = function if isinstance(function, list) else [function]
    expected = [np.array(f(image)) for f in functions]
    augment = PlainRandAugment(policy(kind, **kwargs))
    for _ in range(10):
        result = np.array(augment(image))
        assert any((result == other).all() for other in expected)


def test_every_policy_of_the_config_runs():
    image = Image.new('RGB', (32, 32), (200, 100, 50))
    steps = pipeline()[2]['transforms'][1]
    (config,) = [x for x in steps if x['type'] == 'FastRandAugment']
    assert len(config['policies']) == 13
    for one in config['policies']:
        own = dict(config, policies=[dict(one, prob=1.0)])
        assert PlainRandAugment(own)(image).size == (32, 32)
    never = dict(config, policies=[dict(config['policies'][0], prob=0.0)])
    assert PlainRandAugment(never)(image) is image
    with pytest.raises(ValueError, match='Cutout has no counterpart'):
        PlainRandAugment(dict(policies=[dict(type='Cutout')]))


def test_copied_images(tmp_path):
    (tmp_path / 'a/b').mkdir(parents=True)
    make_images(str(tmp_path / 'a/b'), 2, 16)
    Image.new('RGBA', (9, 8)).save(tmp_path / 'a/c.png')
    (tmp_path / 'a/x.txt').touch()
    copy_images(str(tmp_path / 'a'), str(tmp_path / 'out'), 10)
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == ['000000.jpg', '000001.jpg', '000002.jpg']
    sizes = {Image.open(tmp_path / 'out' / name).size for name in names}
    assert sizes == {(16, 16), (9, 8)}
    (tmp_path / 'none').mkdir()
    with pytest.raises(ValueError, match='no image'):
        copy_images(str(tmp_path / 'none'), str(tmp_path / 'out2'), 10)


def test_number_of_threads_is_restored(tmp_path):
    make_images(str(tmp_path / 'images'), 4, 32)
    before = loader_benchmark.cv2.getNumThreads(), torch.get_num_threads()
    compare_loading(str(tmp_path), pipeline(), 1, 4, 4)
    after = loader_benchmark.cv2.getNumThreads(), torch.get_num_threads()
    assert after == before


def test_tool(tmp_path, run_tool):
    shown = run_tool(
        'loader.py',
        '--count=4 --size=32 --rounds=1 --out=speed.json',
    )
    assert '| tar |' in shown
    speeds = json.loads((tmp_path / 'speed.json').read_text())
    assert [speed['name'] for speed in speeds][0] == PLAIN
