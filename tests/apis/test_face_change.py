import cv2
import numpy as np
import pytest

from fer_ssl.apis.face_change import FaceChange


def noise(height=40, width=30):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_no_change():
    face, none = noise(), FaceChange()
    assert none.move_box([1, 2, 5, 9], 3) == [1, 2, 5, 9]
    np.testing.assert_array_equal(none.move_crop(face, 3), face)
    np.testing.assert_array_equal(none.shrink(face), face)


def test_boxes_stay_in_the_limits_and_fill_them():
    """A box of 10 x 20 moves by a fraction of 20 and keeps its shape."""
    change = FaceChange(shift=0.1, scale=0.2, seed=1)
    boxes = np.array([change.move_box([0, 0, 10, 20], i) for i in range(500)])
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 - [5, 10]
    sides = boxes[:, 2:] - boxes[:, :2]
    np.testing.assert_allclose(sides[:, 1], 2 * sides[:, 0])
    for values, limit in ((centers / 20, 0.1), (sides[:, :1] / 10 - 1, 0.2)):
        assert np.abs(values).max() <= limit
        np.testing.assert_allclose(values.min(0), -limit, atol=0.02 * limit)
        np.testing.assert_allclose(values.max(0), limit, atol=0.02 * limit)
    again = FaceChange(shift=0.1, scale=0.2, seed=1)
    assert again.move_box([0, 0, 10, 20], 7) == boxes[7].tolist()
    other = FaceChange(shift=0.1, scale=0.2, seed=2)
    assert other.move_box([0, 0, 10, 20], 7) != boxes[7].tolist()


def test_a_moved_crop_shows_what_the_moved_box_does():
    """As the same box in a smooth image that goes on beyond the crop."""
    y, x = np.mgrid[:120, :120].astype(np.float64)
    image = np.stack([x, y, (x + y) / 2], axis=-1).round().astype(np.uint8)
    change = FaceChange(shift=0.1, scale=0.2)
    for row in range(5):
        moved = change.move_crop(image[30:90, 30:90], row)
        left, top, right, bottom = change.move_box((30, 30, 90, 90), row)
        assert moved.shape == (60, 60, 3)
        steps = (np.arange(60) + 0.5) / 60
        expected = np.clip(left + (right - left) * steps - 0.5, 30, 89)
        np.testing.assert_allclose(moved[30, :, 0], expected, atol=0.6)
        expected = np.clip(top + (bottom - top) * steps - 0.5, 30, 89)
        np.testing.assert_allclose(moved[:, 30, 1], expected, atol=0.6)


def test_few_pixels():
    face = noise()
    small = cv2.resize(face, (6, 8), interpolation=cv2.INTER_AREA)
    expected = cv2.resize(small, (30, 40), interpolation=cv2.INTER_LINEAR)
    found = FaceChange(pixels=8).shrink(face)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(FaceChange(pixels=50).shrink(face), face)


@pytest.mark.parametrize(
    'option, message',
    [
        (dict(shift=0.6), 'shift=0.6: must be from 0 to 0.5'),
        (dict(scale=-0.1), 'scale=-0.1: must be from 0 to 0.5'),
        (dict(pixels=-1), 'pixels=-1: must not be negative'),
        (dict(seed=-1), 'seed=-1: must not be negative'),
    ],
)
def test_errors(option, message):
    with pytest.raises(ValueError, match=message):
        FaceChange(**option)
