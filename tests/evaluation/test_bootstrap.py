import numpy as np
import pytest
from scipy import stats

from fer_ssl.evaluation import (
    MacroF1Metric,
    VideoPrediction,
    VideoPredictions,
    macro_f1,
)
from fer_ssl.evaluation.bootstrap import bootstrap, interval, unit_sums


def scores(confusion):
    return dict(macro_f1=macro_f1(confusion))


def test_two_videos_by_hand():
    """Two videos a, b make the sets aa, ab, ba, bb, each a quarter.

    Macro-F1 of aa is 100 (all right). Of bb, truth 0 1 1 1 and prediction
    1 1 1 1, it is (0 + 6/7) / 2 = 42.86. Of ab it is F1 of class 0
    2 * 2 / (2 + 3) = 0.8, of class 1 2 * 5 / (5 + 6) = 0.909: 85.45.
    """
    a = [[2, 0], [0, 2]]
    b = [[0, 1], [0, 3]]
    draws = bootstrap(np.array([a, b]), scores)['macro_f1']
    values, times = np.unique(draws.round(2), return_counts=True)
    np.testing.assert_allclose(values, [42.86, 85.45, 100.0])
    np.testing.assert_allclose(
        times / len(draws), [0.25, 0.5, 0.25], atol=0.04
    )
    assert interval(draws) == pytest.approx((300 / 7, 100))
    # the middle 40%, from the 30th to the 70th percentile, is ab
    assert interval(draws, 0.4) == pytest.approx((85.4545, 85.4545))


def test_equals_scipy():
    """The accuracy over videos of equal length is a mean over videos."""
    right = np.random.default_rng(0).integers(0, 11, 40)
    sums = np.stack([right, 10 - right], axis=1)
    draws = bootstrap(sums, lambda x: dict(accuracy=x[0] / x.sum()))
    expected = stats.bootstrap(
        (right / 10,),
        np.mean,
        n_resamples=20_000,
        method='percentile',
        rng=np.random.default_rng(1),
    ).confidence_interval
    np.testing.assert_allclose(
        interval(draws['accuracy']), expected, atol=0.006
    )


def test_the_seed_decides_and_pairs():
    sums = np.random.default_rng(0).integers(0, 9, (12, 3, 3))
    first = bootstrap(sums, scores, resamples=50)['macro_f1']
    again = bootstrap(sums, scores, resamples=50)['macro_f1']
    np.testing.assert_array_equal(first, again)
    other = bootstrap(sums, scores, resamples=50, seed=1)['macro_f1']
    assert (first != other).any()


def test_one_unit_cannot_be_resampled():
    with pytest.raises(ValueError, match='1 units cannot be resampled'):
        bootstrap(np.ones((1, 2, 2)), scores)


def test_units_of_videos_have_a_label():
    metric = MacroF1Metric()
    metric.dataset_meta = dict(classes=('x', 'y'))
    metric.scored = VideoPredictions(
        [
            VideoPrediction('a', np.eye(2), [0, 1], [True, False]),
            VideoPrediction('b', np.eye(2), [-1, -1]),
            VideoPrediction('c', np.eye(2), [1, -1]),
        ],
        ('x', 'y'),
    )
    units, sums = unit_sums(metric)
    assert units == 'videos'
    # all frames, frames with a face
    np.testing.assert_array_equal(sums[0], [np.eye(2), [[1, 0], [0, 0]]])
    np.testing.assert_array_equal(sums[1], [[[0, 0], [1, 0]]] * 2)
    assert len(sums) == 2
    assert metric.scores_of_videos(sums.sum(axis=0)) == metric.score_videos(
        metric.scored
    )


def test_units_of_images_are_people_where_known():
    metric = MacroF1Metric()
    metric.dataset_meta = dict(classes=('x', 'y'))
    metric.scored = [(0, 0), (0, 1), (1, 1), (-1, 1), (1, 0)]
    units, sums = unit_sums(metric)
    assert (units, len(sums)) == ('images', 4)
    units, sums = unit_sums(metric, ['zoe', 'ann', 'zoe', 'bob', ''])
    assert (units, len(sums)) == ('people', 3)
    np.testing.assert_array_equal(sums[0], np.eye(2))
    np.testing.assert_array_equal(sums.sum(axis=0), [[1, 1], [1, 1]])
