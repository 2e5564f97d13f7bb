import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, TRANSFORMS

from fer_ssl.datasets import SeededDraws


@TRANSFORMS.register_module()
class ThreeDraws:
    """Numbers of the three global generators."""

    def __call__(self, results):
        numbers = random.random(), np.random.rand(), torch.rand(()).item()
        return dict(numbers=numbers, path=results['img_path'])


@pytest.fixture
def config(write_faces):
    rows = [(f'{i}.png', 'anger', 'train') for i in range(4)]
    pipeline = [dict(type='mmengine.ThreeDraws')]
    return dict(type='FaceDataset', **write_faces(rows), pipeline=pipeline)


def test_a_draw_decides_all_random_numbers(config):
    one, two = SeededDraws(config), SeededDraws(config)
    first = one[2, 7, 100]
    assert one[2, 7, 101]['numbers'] != first['numbers']
    assert one[2, 8, 100]['numbers'] != first['numbers']
    assert SeededDraws(config, stream=1)[2, 7, 100] != first
    torch.rand(5), np.random.rand(5), random.random()
    assert two[2, 7, 100] == first
    assert two[3, 7, 100]['numbers'] == first['numbers']
    assert two[3, 7, 100]['path'] != first['path']


def test_wrapper_behaves_like_the_dataset(config):
    draws = SeededDraws(config, stream=3)
    assert len(draws) == 4
    assert draws.metainfo['classes'] == ('neutral', 'anger', 'happiness')
    assert draws.get_gt_labels().tolist() == [1] * 4
    draws.pipeline = len
    assert draws.dataset.pipeline is len
    copy = pickle.loads(pickle.dumps(draws))
    assert (copy.stream, len(copy)) == (3, 4)
    with pytest.raises(AttributeError, match='get'):
        draws.get('nothing_like_that')


def test_registered_in_every_scope(config):
    assert isinstance(
        DATASETS.build(dict(type='SeededDraws', dataset=config)), SeededDraws
    )
