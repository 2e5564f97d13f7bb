import numpy as np
import pytest
from mmengine.registry import TRANSFORMS

from fer_ssl.data_preparation.split_builder import WHOLE_IMAGE
from fer_ssl.datasets import CropFace
from fer_ssl.datasets.transforms.crop_face import FaceOutsideImageError
from tests.helpers.image_files import HEIGHT, WIDTH, pixels


def crop(box, margin=0.0, img=None):
    results = dict(img=pixels(3) if img is None else img, box=box)
    return CropFace(margin).transform(results)


@pytest.mark.parametrize(
    'box, margin, expected',
    [
        ((4, 6, 24, 22), 0, (4, 6, 24, 22)),
        ((10, 8, 20, 18), 0.2, (8, 6, 22, 20)),
        ((10, 8, 30, 18), 0.1, (8, 7, 32, 19)),  # by each side's own length
        ((10, 8, 20, 18), -0.2, (12, 10, 18, 16)),
        ((-4, 10, 46, 50), 0, (0, 10, WIDTH, HEIGHT)),
        (WHOLE_IMAGE, 0.1, (0, 0, WIDTH, HEIGHT)),
        (WHOLE_IMAGE, -0.1, (4, 3, WIDTH - 4, HEIGHT - 3)),
        ((0, 0, WIDTH, HEIGHT), 1.0, (0, 0, WIDTH, HEIGHT)),
        ((-9, -9, 1, 1), 0, (0, 0, 1, 1)),
    ],
)
def test_crop(box, margin, expected):
    results = crop(box, margin)
    left, top, right, bottom = expected
    expected = pixels(3)[top:bottom, left:right]
    np.testing.assert_array_equal(results['img'], expected)
    assert results['img_shape'] == expected.shape[:2]
    assert results['ori_shape'] == expected.shape[:2]


def test_gray_images():
    assert crop((1, 2, 4, 9), img=pixels(0)[..., 0])['img'].shape == (7, 3)


@pytest.mark.parametrize(
    'box', [(40, 0, 50, 9), (0, 30, 9, 40), (-9, 0, 0, 9), (0, -9, 9, 0)]
)
def test_box_outside_of_the_image(box):
    with pytest.raises(FaceOutsideImageError, match='image of 40 x 30'):
        crop(box)


def test_box_is_used_once():
    results = crop((4, 6, 24, 22))
    with pytest.raises(KeyError, match='only once'):
        CropFace().transform(results)


def test_box_that_may_be_missing():
    results = dict(img=pixels(3))
    assert CropFace(required=False).transform(results)['img'] is results['img']
    results = dict(img=pixels(3), box=(4, 6, 24, 22))
    results = CropFace(required=False).transform(results)
    assert results['img'].shape == (16, 20, 3)


def test_registered():
    transform = TRANSFORMS.build(dict(type='CropFace', margin=0.25))
    assert repr(transform) == 'CropFace(margin=0.25, required=True)'
    with pytest.raises(ValueError, match='no face'):
        CropFace(margin=-0.5)
