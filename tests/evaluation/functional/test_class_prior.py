import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch.testing import assert_close

from fer_ssl.evaluation.functional.class_prior import estimate_class_prior


def test_certain_predictions_are_counted():
    probs = torch.eye(3)[[0, 0, 1, 2, 0, 2, 0, 0]]
    prior = estimate_class_prior(probs)
    assert_close(prior, torch.tensor([5 / 8, 1 / 8, 2 / 8]))


def test_predictions_that_say_nothing_keep_the_uniform_prior():
    prior = estimate_class_prior(torch.full((7, 4), 0.25))
    assert_close(prior, torch.full((4,), 0.25))


def test_one_step_by_hand():
    probs = torch.tensor([[0.8, 0.2], [0.8, 0.2], [0.4, 0.6]])
    assert_close(estimate_class_prior(probs, 1), torch.tensor([2 / 3, 1 / 3]))
    # Second step: 16/18 twice and 4/7.
    second = (2 * 16 / 18 + 8 / 14) / 3
    assert_close(
        estimate_class_prior(probs, 2), torch.tensor([second, 1 - second])
    )


def test_prior_is_the_most_likely_one():
    rng = np.random.default_rng(0)
    first = rng.beta(0.6, 0.4, 500)
    likelihood = minimize_scalar(
        lambda pi: -np.log(pi * first + (1 - pi) * (1 - first)).sum(),
        bounds=(1e-6, 1 - 1e-6),
        method='bounded',
        options=dict(xatol=1e-9),
    )
    probs = torch.tensor(np.stack([first, 1 - first], axis=1))
    prior = estimate_class_prior(probs, 2000)
    assert_close(prior[0].item(), likelihood.x, rtol=0, atol=1e-4)


def test_shifted_classes_are_found():
    """Two Gaussians, classifier of balanced classes, 90 % of one class."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(1, 1, 18000), rng.normal(-1, 1, 2000)])
    first = 1 / (1 + np.exp(-2 * x))  # p(x | 1) / (p(x | 1) + p(x | 2))
    probs = torch.tensor(np.stack([first, 1 - first], axis=1))
    assert abs(estimate_class_prior(probs)[0] - 0.9) < 0.01


def test_probabilities_that_assume_another_prior():
    """Dividing by the assumed prior gives those for balanced classes."""
    rng = np.random.default_rng(2)
    balanced = torch.tensor(rng.dirichlet(np.ones(3), 300))
    assumed = torch.tensor([0.7, 0.2, 0.1])
    probs = balanced * assumed
    probs /= probs.sum(dim=1, keepdim=True)
    assert_close(
        estimate_class_prior(probs, 1000, 5 * assumed),
        estimate_class_prior(balanced, 1000),
    )


def test_first_step_begins_at_the_assumed_prior():
    probs = torch.tensor([[0.8, 0.2], [0.8, 0.2], [0.4, 0.6]])
    prior = estimate_class_prior(probs, 1, torch.tensor([0.9, 0.1]))
    assert_close(prior, torch.tensor([2 / 3, 1 / 3]))
