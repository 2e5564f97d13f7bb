from dataclasses import asdict

import cv2
import numpy as np
import pytest
from mmcv.transforms import CenterCrop, RandomGrayscale, Resize
from mmengine.config import Config

from fer_ssl.apis.face_input import FaceInput
from tests.helpers.onnx_networks import TO_GRAY, pipeline
from tests.helpers.tiny_networks import image_loader

LOAD, PACK = dict(type='LoadImageFromFile'), dict(type='FastPackInputs')


def face_input(*steps, **cfg):
    loader = image_loader([LOAD, *steps, PACK])
    return FaceInput.from_config(Config(dict(test_dataloader=loader, **cfg)))


def image(height=30, width=30):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_side_and_steps():
    found = face_input(
        dict(type='Resize', scale=(30, 30), interpolation='area'),
        dict(type='CenterCrop', crop_size=(20, 20)),
    )
    assert found.side == 20 and found.gray is None
    assert found.face_crop == dict(margin=0.2, size=0)
    expected = Resize((30, 30), interpolation='area')(dict(img=image(50, 40)))
    expected = CenterCrop(20)(expected)['img']
    np.testing.assert_array_equal(found.resize(image(50, 40)), expected)
    again = FaceInput.from_metadata(dict(asdict(found), other=1))
    assert again == found


def test_faces_of_one_size():
    crop = dict(type='CenterCrop', crop_size=20)
    found = face_input(crop, face_crop=dict(size=24, margin=0.0))
    assert found.side == 20
    face = image(24, 24)
    np.testing.assert_array_equal(found.resize(face), face[2:22, 2:22])
    assert found.resize(image(48, 48)).shape == (20, 20, 3)
    for steps in ((), (crop,)):
        with pytest.raises(ValueError, match='CenterCrop|does not resize'):
            face_input(*steps)


@pytest.mark.parametrize('keep', [True, False])
def test_gray_after_resizing(keep):
    step = dict(TO_GRAY, keep_channels=keep)
    found = face_input(dict(type='Resize', scale=30), step)
    options = {k: v for k, v in step.items() if k != 'type'}
    expected = RandomGrayscale(**options)(dict(img=image()))['img']
    network = found.to_network(image())
    assert network.shape == (3 if keep else 1, 30, 30)
    np.testing.assert_array_equal(
        network, expected.reshape(30, 30, -1).transpose(2, 0, 1)
    )


def test_gray_before_resizing():
    loader = image_loader(pipeline(color_type='grayscale'))
    found = FaceInput.from_config(Config(dict(test_dataloader=loader)))
    expected = cv2.cvtColor(image(), cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(found.to_network(image())[0], expected)
    loaded = found.to_config().test_dataloader.dataset.pipeline[0]
    assert loaded == dict(type='LoadImageFromFile', color_type='grayscale')


def test_opencv_converts_as_the_weights_say():
    """The export computes what cv2.cvtColor does, for every color."""
    loader = image_loader(pipeline(color_type='grayscale'))
    gray = FaceInput.from_config(Config(dict(test_dataloader=loader))).gray
    values = np.arange(0, 256, 3, dtype=np.uint8)
    colors = np.stack(np.meshgrid(values, values, values), -1)
    colors = colors.reshape(-1, 1, 3)  # red, green, blue
    exact = np.floor((colors * np.array(gray.weights)).sum(-1) + gray.offset)
    found = cv2.cvtColor(colors[..., ::-1].copy(), cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(found, exact)


@pytest.mark.parametrize(
    'step',
    [
        dict(type='Resize', scale=(30, 20)),
        dict(type='Resize', scale=(30, 30), keep_ratio=True),
        dict(type='Resize', scale_factor=2.0),
        dict(type='ResizeEdge', scale=30),
        dict(type='CenterCrop', crop_size=40),
        dict(type='CenterCrop', crop_size=(20, 10)),
        dict(type='RandomFlip', prob=0.5),
        dict(TO_GRAY, prob=0.5),
        dict(TO_GRAY, color_format='rgb'),
    ],
)
def test_other_steps_are_refused(step):
    with pytest.raises(ValueError, match='is not exported') as error:
        face_input(dict(type='Resize', scale=30), step)
    assert step['type'] in str(error.value)


def test_gray_between_two_sizes_is_refused():
    resize = dict(type='Resize', scale=30)
    with pytest.raises(ValueError, match='Resize.* is not exported'):
        face_input(TO_GRAY, resize)
