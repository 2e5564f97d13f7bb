import numpy as np
import pytest
from mmpretrain.datasets import PackInputs

from fer_ssl.datasets.transforms import LabelDistribution


def test_smoothing_and_missing_classes():
    transform = LabelDistribution(5, smoothing=0.2, missing=[1])
    score = transform(dict(gt_label=3))['gt_score']
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, [0.05, -1, 0.05, 0.85, 0.05])
    np.testing.assert_allclose(
        LabelDistribution(3)(dict(gt_label=0))['gt_score'], [1, 0, 0]
    )


def test_votes_stay():
    votes = np.array([0.5, 0.0, 0.5], np.float32)
    transform = LabelDistribution(3, smoothing=0.3, missing=[1])
    results = dict(gt_label=2, gt_score=votes)
    np.testing.assert_allclose(transform(results)['gt_score'], [0.5, -1, 0.5])
    np.testing.assert_allclose(votes, [0.5, 0, 0.5])


def test_face_without_a_label():
    assert 'gt_score' not in LabelDistribution(3)(dict(gt_label=-1))


def test_packed():
    results = LabelDistribution(3, missing=[2])(
        dict(gt_label=1, img=np.zeros((4, 4, 3), np.uint8))
    )
    sample = PackInputs()(results)['data_samples']
    assert sample.gt_score.tolist() == [0, 1, -1]


def test_errors():
    for wrong in (
        dict(missing=[3]),
        dict(missing=[0, 1, 2]),
        dict(smoothing=1.0),
    ):
        with pytest.raises(ValueError, match='LabelDistribution'):
            LabelDistribution(3, **wrong)
    with pytest.raises(ValueError, match=r'a\.jpg: its class 2 is listed'):
        LabelDistribution(3, missing=[2])(dict(gt_label=2, img_path='a.jpg'))
