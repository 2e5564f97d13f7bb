"""The checkpoint that comes with the package."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner.checkpoint import load_state_dict

import fer_ssl

FOLDER = Path(fer_ssl.__file__).parent / 'checkpoints'
PATH = FOLDER / 'ferplus_starter.pth'


@pytest.fixture(scope='module')
def checkpoint():
    return torch.load(PATH, weights_only=True)


@pytest.fixture(scope='module')
def predict(checkpoint):
    """Function that gives the probabilities of an image file."""
    config = Config.fromstring(checkpoint['meta']['cfg'], '.py')
    init_default_scope('mmpretrain')
    model = MODELS.build(config.model).eval()
    load_state_dict(model, checkpoint['state_dict'], strict=True)
    pipeline = Compose(config.test_dataloader.dataset.pipeline)

    def predict(path):
        item = pipeline(dict(img_path=str(path), gt_label=0))
        data = model.data_preprocessor(
            dict(inputs=[item['inputs']], data_samples=[item['data_samples']])
        )
        with torch.no_grad():
            (sample,) = model(**data, mode='predict')
        return sample.pred_score

    return predict


def test_small_and_nothing_but_weights(checkpoint):
    assert PATH.stat().st_size < 6e6
    assert checkpoint.keys() == {'meta', 'state_dict'}
    assert checkpoint['meta'].keys() == {'cfg', 'dataset_meta'}
    floats = [
        x for x in checkpoint['state_dict'].values() if x.is_floating_point()
    ]
    assert {x.dtype for x in floats} == {torch.float16}
    assert all(x.isfinite().all() for x in floats)


def test_card_names_the_classes(checkpoint):
    classes = checkpoint['meta']['dataset_meta']['classes']
    assert classes == (
        'neutral',
        'happiness',
        'surprise',
        'sadness',
        'anger',
        'disgust',
        'fear',
        'contempt',
    )
    card = (FOLDER / 'README.md').read_text('utf-8')
    for name in classes:
        assert f'| {name} |' in card


def test_config_names_no_machine(checkpoint):
    assert "'/" not in checkpoint['meta']['cfg']


def test_color_does_not_matter(predict, tmp_path):
    """Color reveals the class in the training data, so it is removed."""
    rng = np.random.default_rng(0)
    face = cv2.GaussianBlur(
        rng.integers(0, 256, (112, 112, 3), np.uint8), (0, 0), 4
    )
    color, gray = tmp_path / 'color.png', tmp_path / 'gray.png'
    cv2.imwrite(str(color), face)
    # As the decoder of PNG sees it, which rounds down, unlike cvtColor.
    cv2.imwrite(str(gray), cv2.imread(str(color), cv2.IMREAD_GRAYSCALE))
    scores = predict(color)
    assert float(scores.sum()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(scores, predict(gray), rtol=0, atol=1e-6)
