"""Fits of temperature and class biases, with labels and without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from .calibration import Calibration
from .functional.calibration import log_probabilities
from .functional.class_prior import estimate_class_prior

#: What is fitted to labels by each method; EM needs none.
FITTED = {
    'labels': ('temperature', 'bias'),
    'bias': ('bias',),
    'temperature': ('temperature',),
}
METHODS = (*FITTED, 'em')
# Standard deviation of the Gaussian priors of each bias and of the logarithm
# of the temperature. They are as strong as about one face per class, so a few
# labels cannot make a class impossible.
_STD = 1.0
#: Minimum prior of a class, as in ClassPriorHook.
MIN_PRIOR = 1e-3


def fit_calibration(
    probs: np.ndarray,
    labels: np.ndarray | None,
    classes: Sequence[str],
    method: str,
    assumed_prior: np.ndarray,
) -> Calibration:
    """Fit a calibration to the predictions of some faces.

    With labels y, the temperature T and the biases b minimize the negative
    log-likelihood, with a Gaussian prior that keeps them near 1 and 0::

        -sum_i log softmax(log p_i / T + b)[y_i]
            + (|b|^2 + (log T)^2) / (2 s^2),  s = 1

    Without labels, EM finds the class prior pi of the faces
    (:func:`estimate_class_prior`), which becomes the bias log pi - log pi_0.

    Args:
        probs: Probabilities that the network predicts, (N, C).
        labels: Class indices, (N,). EM does not use them.
        classes: Names of the C classes.
        method: ``'labels'`` fits temperature and biases, ``'bias'`` and
            ``'temperature'`` one of both, ``'em'`` the biases without labels.
        assumed_prior: Class frequencies pi_0 that the probabilities assume,
            (C,), such as equal ones after a training on balanced classes.

    Returns:
        The calibration, without scores.
    """
    if method == 'em':
        return _fit_prior(probs, classes, assumed_prior)
    temperature, bias = _fit_labels(probs, labels, FITTED[method])
    prior = assumed_prior
    if 'bias' in FITTED[method]:
        logits = log_probabilities(probs) / temperature + bias
        prior = softmax(logits, axis=1).mean(axis=0).clip(MIN_PRIOR)
    counts = np.bincount(labels, minlength=len(classes))
    return Calibration(
        temperature,
        bias.tolist(),
        list(classes),
        method,
        (prior / prior.sum()).tolist(),
        len(probs),
        counts.tolist(),
    )


def _fit_prior(
    probs: np.ndarray, classes: Sequence[str], assumed_prior: np.ndarray
) -> Calibration:
    assumed = np.asarray(assumed_prior, np.float64)
    assumed = torch.from_numpy(assumed / assumed.sum())
    found = estimate_class_prior(
        torch.from_numpy(np.asarray(probs)), assumed=assumed
    )
    prior = found.double().numpy().clip(MIN_PRIOR)
    bias = np.log(prior / prior.sum()) - np.log(assumed.numpy())
    return Calibration(
        1.0,
        (bias - bias.mean()).tolist(),
        list(classes),
        'em',
        (prior / prior.sum()).tolist(),
        len(probs),
    )


def _fit_labels(
    probs: np.ndarray, labels: np.ndarray, fitted: Sequence[str]
) -> tuple[float, np.ndarray]:
    """Fit the temperature and the biases (C,), or one of both."""
    logs = log_probabilities(probs)
    truth = np.eye(logs.shape[1])[labels]
    # Of the parameters: log T, then the biases.
    is_fitted = np.array(
        ['temperature' in fitted, *['bias' in fitted] * logs.shape[1]]
    )

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the function to be minimized and its gradient."""
        scaled = logs / np.exp(x[0])
        likelihood = log_softmax(scaled + x[1:], axis=1)
        errors = np.exp(likelihood) - truth
        gradient = np.array([-(errors * scaled).sum(), *errors.sum(axis=0)])
        value = (x @ x) / (2 * _STD**2) - (likelihood * truth).sum()
        gradient = (gradient + x / _STD**2) * is_fitted
        # Per face, so that the tolerances do not depend on their number.
        return value / len(logs), gradient / len(logs)

    start = np.zeros(len(is_fitted))
    options = dict(ftol=1e-13, gtol=1e-9)
    best = minimize(
        objective, start, jac=True, method='L-BFGS-B', options=options
    ).x
    return float(np.exp(best[0])), best[1:]
