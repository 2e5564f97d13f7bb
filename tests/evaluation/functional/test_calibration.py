import numpy as np
import pytest
from sklearn.metrics import log_loss

from fer_ssl.evaluation.functional.calibration import (
    NUM_BINS,
    calibrate,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
)


def random_probs(size=200, num_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(num_classes), size).astype(np.float32)


def test_temperature_and_bias_by_hand():
    """Temperature 2 takes the square root, a bias multiplies by its exp."""
    probs = np.array([[0.64, 0.36]])
    np.testing.assert_allclose(calibrate(probs, 2, [0, 0]), [[8 / 14, 6 / 14]])
    bias = [0, np.log(4)]
    np.testing.assert_allclose(
        calibrate(probs, 2, bias), [[8 / 32, 24 / 32]], rtol=1e-12
    )


def test_neutral_values_change_nothing():
    probs = random_probs()
    same = calibrate(probs, 1.0, np.zeros(4))
    assert same.dtype == np.float32
    np.testing.assert_allclose(same, probs, rtol=1e-5)


@pytest.mark.parametrize('shape', [(4,), (3, 4), (2, 3, 4)])
def test_last_axis_holds_the_classes(shape):
    probs = random_probs(6)[: np.prod(shape[:-1], dtype=int)].reshape(shape)
    found = calibrate(probs, 1.5, [1, 0, -1, 0.5])
    assert found.shape == shape
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)


def test_a_probability_of_zero_stays_finite():
    found = calibrate(np.array([[1.0, 0.0]]), 0.5, [-800, 0])
    assert np.isfinite(found).all() and found.argmax() == 1


def test_likelihood_is_that_of_scikit_learn():
    probs = random_probs().astype(np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    labels = np.random.default_rng(1).integers(0, 4, len(probs))
    expected = log_loss(labels, probs, labels=range(4))
    found = negative_log_likelihood(probs, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.isfinite(negative_log_likelihood(np.eye(2), np.array([1, 0])))


def test_ece_by_hand():
    """Three bins: 0.9 (one of two right), 0.62 (both), 0.5 (none of one)."""
    rows = [(0.9, 0), (0.9, 1), (0.62, 0), (0.62, 0), (0.5, 1)]
    probs = np.array([[p, 1 - p - 1e-6] for p, _ in rows])
    labels = np.array([label for _, label in rows])
    table = reliability(probs, labels)
    assert table.shape == (NUM_BINS, 3) and table[:, 0].sum() == 5
    # 0.9 is in (13/15, 14/15], 0.62 in (9/15, 10/15], 0.5 in (7/15, 8/15].
    np.testing.assert_allclose(table[13], [2, 0.9, 0.5])
    np.testing.assert_allclose(table[9], [2, 0.62, 1])
    np.testing.assert_allclose(table[7], [1, 0.5, 0])
    expected = 100 * (2 * 0.4 + 2 * 0.38 + 1 * 0.5) / 5
    found = expected_calibration_error(probs, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_confidence_at_the_end_of_a_bin_belongs_to_it():
    probs = np.array([[1 / 3, 1 / 3, 1 / 3], [1, 0, 0]])
    counts = reliability(probs, np.array([0, 0]))[:, 0]
    assert counts[4] == 1 and counts[NUM_BINS - 1] == 1


def test_calibrated_predictions_have_a_small_error():
    probs = random_probs(20_000).astype(np.float64)
    draws = np.random.default_rng(2).random((len(probs), 1))
    labels = (probs.cumsum(axis=1) < draws).sum(axis=1).clip(max=3)
    assert expected_calibration_error(probs, labels) < 1
    sharp = calibrate(probs, 0.3, np.zeros(4))
    assert expected_calibration_error(sharp, labels) > 10
