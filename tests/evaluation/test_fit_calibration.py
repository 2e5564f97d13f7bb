import numpy as np
import pytest

from fer_ssl.evaluation.fit_calibration import METHODS, fit_calibration
from fer_ssl.evaluation.functional.calibration import (
    calibrate,
    negative_log_likelihood,
)

CLASSES = ('a', 'b', 'c')
UNIFORM = np.full(3, 1 / 3)


def draw(probs, seed=0):
    """Labels with these probabilities."""
    draws = np.random.default_rng(seed).random((len(probs), 1))
    return (probs.cumsum(axis=1) < draws).sum(axis=1).clip(max=2)


def network(size=20_000, seed=1):
    """Predictions of a network, (N, 3)."""
    logits = np.random.default_rng(seed).normal(0, 2, (size, 3))
    return calibrate(np.exp(logits), 1, np.zeros(3))


@pytest.mark.parametrize('temperature', [0.6, 1.0, 2.5])
def test_recovers_temperature_and_bias(temperature):
    bias = np.array([0.8, -0.5, -0.3])
    probs = network()
    labels = draw(calibrate(probs, temperature, bias))
    found = fit_calibration(probs, labels, CLASSES, 'labels', UNIFORM)
    np.testing.assert_allclose(found.temperature, temperature, rtol=0.04)
    np.testing.assert_allclose(found.bias, bias, atol=0.05)
    assert found.faces_per_class == np.bincount(labels).tolist()
    assert found.num_faces == len(labels)
    # So many faces: their class frequencies, not those of the training.
    expected = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(found.prior, expected, atol=2e-3)


def test_each_method_fits_its_own_numbers():
    probs = network(3000)
    labels = draw(calibrate(probs, 2, [0.8, -0.5, -0.3]))
    found = {
        method: fit_calibration(probs, labels, CLASSES, method, UNIFORM)
        for method in METHODS
    }
    assert found['bias'].temperature == found['em'].temperature == 1
    assert found['temperature'].bias == [0, 0, 0]
    assert found['temperature'].prior == UNIFORM.tolist()
    assert found['em'].faces_per_class is None
    scores = {
        method: negative_log_likelihood(own(probs), labels)
        for method, own in found.items()
    }
    before = negative_log_likelihood(probs, labels)
    assert scores['labels'] < scores['temperature'] < before
    assert scores['labels'] < scores['bias'] < before


def test_no_other_numbers_are_more_likely():
    """The sum of the docstring is smallest there."""
    probs = network(60)
    labels = draw(calibrate(probs, 2, [0.8, -0.5, -0.3]))

    def loss(temperature, bias):
        own = negative_log_likelihood(
            calibrate(probs, temperature, bias), labels
        )
        squares = np.square([*bias, np.log(temperature)]).sum()
        return len(labels) * own + squares / 2

    found = fit_calibration(probs, labels, CLASSES, 'labels', UNIFORM)
    best = loss(found.temperature, found.bias)
    rng = np.random.default_rng(3)
    for change in rng.normal(0, 0.02, (50, 4)):
        other = found.temperature * np.exp(change[0])
        assert loss(other, found.bias + change[1:]) > best


@pytest.mark.parametrize('count', [0, 1, 2])
def test_a_class_with_few_labels_does_not_vanish(count):
    probs = network(400)
    labels = np.repeat([0, 1], 200)
    labels[:count] = 2
    found = fit_calibration(probs, labels, CLASSES, 'labels', UNIFORM)
    assert np.isfinite(found.bias).all() and min(found.bias) > -5
    assert min(found.prior) >= 1e-3 / 1.01


def test_perfect_predictions_do_not_make_the_temperature_zero():
    probs = np.eye(3)[[0, 1, 2] * 10] * 0.7 + 0.1
    labels = np.array([0, 1, 2] * 10)
    found = fit_calibration(probs, labels, CLASSES, 'labels', UNIFORM)
    assert found.temperature > 0.1


def test_em_by_hand():
    """Certain predictions are counted; the bias is the ratio of priors."""
    probs = np.eye(3)[[0, 0, 0, 1, 1, 2]]
    assumed = np.array([0.5, 0.25, 0.25])
    found = fit_calibration(probs, None, CLASSES, 'em', assumed)
    np.testing.assert_allclose(found.prior, [1 / 2, 1 / 3, 1 / 6], atol=1e-6)
    ratio = np.exp(np.array(found.bias) - found.bias[0])
    np.testing.assert_allclose(ratio, [1, 4 / 3, 2 / 3], rtol=1e-5)
    assert abs(sum(found.bias)) < 1e-9


def test_em_finds_a_shifted_prior():
    """A calibrated network of balanced classes sees 80 % of one class."""
    rng = np.random.default_rng(4)
    centers = 1.5 * np.eye(3)
    labels = rng.choice(3, 30_000, p=[0.8, 0.15, 0.05])
    x = centers[labels] + rng.normal(size=(len(labels), 3))
    probs = calibrate(np.exp(x @ centers.T), 1, np.zeros(3))
    found = fit_calibration(probs, None, CLASSES, 'em', UNIFORM)
    np.testing.assert_allclose(found.prior, [0.8, 0.15, 0.05], atol=0.02)
    before, after = (
        negative_log_likelihood(p, labels) for p in (probs, found(probs))
    )
    assert after < 0.8 * before


def test_em_continues_from_a_fit_to_labels():
    """Both together calibrate a network that is wrong about its classes."""
    rng = np.random.default_rng(5)
    centers = 1.5 * np.eye(3)

    def faces(frequencies, size=20_000):
        labels = rng.choice(3, size, p=frequencies)
        x = centers[labels] + rng.normal(size=(size, 3))
        logits = 2 * (x @ centers.T) + [1, -1, 0]  # overconfident, biased
        return calibrate(np.exp(logits), 1, np.zeros(3)), labels

    probs, labels = faces([0.6, 0.3, 0.1])
    first = fit_calibration(probs, labels, CLASSES, 'labels', UNIFORM)
    np.testing.assert_allclose(first.prior, [0.6, 0.3, 0.1], atol=0.02)
    other, _ = faces([0.1, 0.2, 0.7])
    second = fit_calibration(
        first(other), None, CLASSES, 'em', np.array(first.prior)
    )
    np.testing.assert_allclose(second.prior, [0.1, 0.2, 0.7], atol=0.03)
    both = second.after(first)
    np.testing.assert_allclose(
        both(other), second(first(other)), rtol=1e-6, atol=1e-9
    )
