"""The fast transforms do what the ones of mmcv and mmpretrain do."""

import mmcv
import numpy as np
import pytest
from mmengine.registry import TRANSFORMS, init_default_scope

from fer_ssl.datasets import FastAutoContrast, FastColorJitter, FastEqualize
from fer_ssl.datasets.transforms.fast_auto_contrast import auto_contrast
from fer_ssl.datasets.transforms.fast_color_jitter import (
    scale_brightness,
    scale_contrast,
    scale_saturation,
)
from fer_ssl.datasets.transforms.fast_equalize import equalize


def images():
    rng = np.random.default_rng(0)
    yield 'noise', rng.integers(0, 256, (40, 30, 3), np.uint8)
    dark = rng.integers(0, 60, (64, 64, 3), np.uint8)
    dark[..., 1] += 100
    yield 'dark', dark
    yield (
        'view of another',
        rng.integers(0, 256, (90, 70, 3), np.uint8)[10:60, 5:45],
    )
    yield 'turned', rng.integers(0, 256, (50, 40, 3), np.uint8)[:, ::-1]
    flat = np.full((20, 20, 3), 77, np.uint8)
    yield 'flat', flat
    flat = flat.copy()
    flat[0, 0] = 200, 10, 77
    yield 'one point', flat
    yield 'one pixel', np.array([[[1, 2, 3]]], np.uint8)


IMAGES = dict(images())


@pytest.mark.parametrize('name', IMAGES)
def test_equal_to_mmcv(name):
    image = IMAGES[name].copy()
    assert (auto_contrast(image) == mmcv.auto_contrast(image)).all()
    assert (equalize(image) == mmcv.imequalize(image)).all()
    assert (image == IMAGES[name]).all()


@pytest.mark.parametrize('name', IMAGES)
@pytest.mark.parametrize('factor', [0.0, 0.5, 0.83, 1.0, 1.17, 2.0])
def test_as_pillow_up_to_rounding(name, factor):
    image = IMAGES[name].copy()
    for own, reference, most in (
        (scale_brightness, mmcv.adjust_brightness, 1),
        (scale_contrast, mmcv.adjust_contrast, 2),
        (scale_saturation, mmcv.adjust_color, 2),
    ):
        expected = reference(image, factor, backend='pillow').astype(int)
        difference = own(image, factor).astype(int) - expected
        assert abs(difference).max() <= most, own.__name__
    assert (image == IMAGES[name]).all()


def test_jitter_draws_factors_and_order():
    jitter = FastColorJitter(brightness=0.2, saturation=0.4)
    np.random.seed(0)
    steps = [tuple(jitter.random_steps()) for _ in range(2000)]
    assert {tuple(i for i, _ in draw) for draw in steps} == {(0, 2), (2, 0)}
    for number, width in ((0, 0.2), (2, 0.4)):
        factors = [dict(draw)[number] for draw in steps]
        assert min(factors) == pytest.approx(1 - width, abs=0.01)
        assert max(factors) == pytest.approx(1 + width, abs=0.01)
        assert np.mean(factors) == pytest.approx(1, abs=0.02)
    np.random.seed(1)
    first = jitter(dict(img=IMAGES['noise']))['img']
    np.random.seed(1)
    assert (jitter(dict(img=IMAGES['noise']))['img'] == first).all()
    assert (first != IMAGES['noise']).any()
    same = FastColorJitter()(dict(img=IMAGES['noise']))['img']
    assert (same == IMAGES['noise']).all()
    with pytest.raises(ValueError, match='contrast=1.5'):
        FastColorJitter(contrast=1.5)
    assert repr(jitter) == (
        'FastColorJitter(brightness=0.2, contrast=0.0, saturation=0.4)'
    )


@pytest.mark.parametrize('kind', [FastAutoContrast, FastEqualize])
def test_probability(kind):
    image = IMAGES['dark']
    changed = kind(prob=1.0)(dict(img=image))['img']
    assert (changed != image).any()
    assert (kind(prob=0.0)(dict(img=image))['img'] == image).all()
    np.random.seed(0)
    transform = kind()
    done = [
        (transform(dict(img=image))['img'] != image).any() for _ in range(300)
    ]
    assert np.mean(done) == pytest.approx(0.5, abs=0.1)
    assert repr(kind(prob=0.3)) == f'{kind.__name__}(prob=0.3)'


def test_policies_of_randaugment():
    init_default_scope('mmpretrain')
    augment = TRANSFORMS.build(
        dict(
            type='mmpretrain.RandAugment',
            policies=[
                dict(type='FastAutoContrast', prob=1.0),
                dict(type='FastEqualize', prob=1.0),
            ],
            num_policies=1,
            magnitude_level=7,
        )
    )
    image = IMAGES['dark']
    expected = [mmcv.auto_contrast(image), mmcv.imequalize(image)]
    for _ in range(20):
        result = augment(dict(img=image))['img']
        assert any((result == other).all() for other in expected)
