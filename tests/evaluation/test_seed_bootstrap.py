import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from fer_ssl.evaluation import confusion_matrix, scores_from_confusion
from fer_ssl.evaluation.bootstrap import bootstrap, interval
from fer_ssl.evaluation.seed_bootstrap import (
    SCORES,
    _draw_seeds,
    seed_bootstrap,
)

CLASSES = ('x', 'y', 'z')


def random_runs(truth, seeds_of_methods, seed=0):
    """Predictions of which some are right."""
    rng = np.random.default_rng(seed)
    return {
        method: {
            s: np.where(
                rng.random(len(truth)) < 0.6,
                truth.clip(0),
                rng.integers(0, 3, len(truth)),
            )
            for s in seeds
        }
        for method, seeds in seeds_of_methods.items()
    }


@pytest.fixture
def truth():
    return np.random.default_rng(1).integers(-1, 3, 60)


def test_equals_scores_of_the_drawn_images(truth):
    """The same draws, one image and one seed after the other."""
    predicted = random_runs(truth, dict(A='abc', B='abc'))
    found = seed_bootstrap(truth, predicted, CLASSES, resamples=20, seed=5)
    known = np.flatnonzero(truth >= 0)
    image_rng = np.random.default_rng(5)
    seed_rng = np.random.default_rng((5, 1))
    for r in range(20):
        images = known[image_rng.integers(len(known), size=len(known))]
        seeds = ['abc'[seed_rng.integers(3)] for _ in range(3)]
        for method, runs in predicted.items():
            scores = [
                100 * np.array(reference(truth[images], runs[s][images]))
                for s in seeds
            ]
            for name, value in zip(SCORES, np.mean(scores, axis=0)):
                assert found[method][name].draws[r] == pytest.approx(value)
    for method, runs in predicted.items():
        scores = [
            100 * np.array(reference(truth[known], run[known]))
            for run in runs.values()
        ]
        for name, value in zip(SCORES, np.mean(scores, axis=0)):
            assert found[method][name].mean == pytest.approx(value)


def reference(truth, predicted):
    macro_f1 = f1_score(
        truth, predicted, labels=range(3), average='macro', zero_division=0
    )
    present = np.unique(truth)
    uar = recall_score(truth, predicted, labels=present, average='macro')
    return accuracy_score(truth, predicted), macro_f1, uar


def test_equal_predictions_differ_by_exactly_zero(truth):
    run = random_runs(truth, dict(A='a'))['A']['a']
    predicted = {m: {s: run for s in 'abcde'} for m in 'AB'}
    found = seed_bootstrap(truth, predicted, CLASSES, resamples=100)
    for name in SCORES:
        difference = found['A'][name] - found['B'][name]
        assert difference.mean == 0 and not difference.draws.any()


def test_a_run_that_is_always_right(truth):
    predicted = dict(A={s: truth.clip(0) for s in 'abc'})
    found = seed_bootstrap(truth, predicted, CLASSES, resamples=100)
    for name in ('accuracy', 'uar'):  # a resample may lack a class
        assert found['A'][name].mean == 100
        assert interval(found['A'][name].draws) == (100, 100)
    assert found['A']['macro_f1'].mean == 100


def test_one_seed_equals_the_bootstrap_of_images(truth):
    predicted = random_runs(truth, dict(A='a'))
    found = seed_bootstrap(truth, predicted, CLASSES, resamples=200)
    sums = np.array(
        [
            confusion_matrix([t], [p], 3)
            for t, p in zip(truth, predicted['A']['a'])
            if t >= 0
        ]
    )
    expected = bootstrap(
        sums, lambda x: scores_from_confusion(x, CLASSES), resamples=200
    )
    for name in SCORES:
        np.testing.assert_array_equal(found['A'][name].draws, expected[name])


def test_seeds_widen_the_interval():
    """A run that is always right and one that is always wrong."""
    truth = np.arange(300) % 3
    predicted = dict(A=dict(a=truth, b=(truth + 1) % 3))
    draws = seed_bootstrap(truth, predicted, CLASSES)['A']['accuracy'].draws
    values, times = np.unique(draws, return_counts=True)
    assert values.tolist() == [0, 50, 100]
    np.testing.assert_allclose(times / 2000, [0.25, 0.5, 0.25], atol=0.04)


def test_methods_with_other_seeds():
    """Each gets a fair draw of its own seeds; common ones are paired."""
    has_seed = np.array(
        [[1, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 0]], bool
    )
    rng = np.random.default_rng(0)
    draws = np.array([_draw_seeds(has_seed, rng) for _ in range(4000)])
    np.testing.assert_array_equal(draws.sum(axis=2), [[3, 3, 3, 1]] * 4000)
    np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
    np.testing.assert_allclose(
        draws.mean(axis=0), has_seed.astype(float), atol=0.05
    )
    # The variance of a binomial distribution of 3 draws among 3 seeds.
    np.testing.assert_allclose(
        draws[:, 2].var(axis=0)[1:], 3 * (1 / 3) * (2 / 3), atol=0.05
    )
    assert np.corrcoef(draws[:, 0, 1], draws[:, 2, 1])[0, 1] > 0.4


def test_one_image_cannot_be_resampled():
    with pytest.raises(ValueError, match='1 annotated images cannot be'):
        seed_bootstrap([0, -1], dict(A=dict(a=np.zeros(2, int))), CLASSES)
