"""Confidence intervals over the seeds of trainings and the images of a set.

A score of a method varies with the training (seed) and with the images on
which it is measured. Each resample draws both with replacement and takes the
mean of the scores of the drawn seeds on the drawn images. The same draw serves
all methods, so their differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..labels import IGNORE_LABEL
from .bootstrap import RESAMPLES, SEED
from .functional.classification_scores import scores_from_confusion

SCORES = ('accuracy', 'macro_f1', 'uar')


@dataclass
class ResampledScore:
    """A score in percent, or a difference of two.

    Attributes:
        mean: Mean over all seeds, on all images.
        draws: The same in R resamples, (R,).
    """

    mean: float
    draws: np.ndarray

    def __sub__(self, other: ResampledScore) -> ResampledScore:
        return ResampledScore(self.mean - other.mean, self.draws - other.draws)


def seed_bootstrap(
    truth: np.ndarray,
    predicted: Mapping[str, Mapping[str, np.ndarray]],
    classes: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, dict[str, ResampledScore]]:
    """Compute the scores of methods on resampled seeds and images.

    The images are drawn as :func:`.bootstrap.bootstrap` draws them. Seeds of
    several methods are drawn together, see :func:`_draw_seeds`.

    Args:
        truth: Class of N images, (N,); -1 = not annotated.
        predicted: Predicted classes (N,) by method and seed.
        classes: Names of the C classes.
        resamples: Number of resamples R.
        seed: Seed of the draws.

    Returns:
        The scores :data:`SCORES` by name, by method.

    Raises:
        ValueError: If fewer than two images are annotated.
    """
    labeled = np.asarray(truth) != IGNORE_LABEL
    num_images, num_classes = int(labeled.sum()), len(classes)
    if num_images < 2:
        raise ValueError(
            f'{num_images} annotated images cannot be resampled: 2 are needed.'
        )
    truth = np.asarray(truth)[labeled]
    methods = list(predicted.values())
    runs = [run[labeled] for method in methods for run in method.values()]
    # One cell per run, truth and prediction: a single bincount per resample
    # gives the confusion matrices of all runs.
    cells = truth * num_classes + np.stack(runs)
    cells += num_classes**2 * np.arange(len(runs))[:, None]
    seeds = list(dict.fromkeys(x for method in methods for x in method))
    has_seed = np.array([[x in method for x in seeds] for method in methods])
    seeds_of_runs = [[seeds.index(x) for x in method] for method in methods]
    ends = np.cumsum([len(method) for method in methods])[:-1]

    def means(times: np.ndarray, seed_times: np.ndarray) -> list[np.ndarray]:
        """Compute the mean scores (3,) of each method.

        Args:
            times: How often each image counts, (N,).
            seed_times: How often each seed counts for each method, (M, S).
        """
        counts = np.bincount(
            cells.ravel(),
            np.tile(times, len(runs)),
            minlength=len(runs) * num_classes**2,
        )
        scores = [
            scores_from_confusion(confusion, classes)
            for confusion in counts.reshape(-1, num_classes, num_classes)
        ]
        scores = np.array([[run[name] for name in SCORES] for run in scores])
        return [
            (weights[own, None] * part).sum(axis=0) / len(own)
            for part, own, weights in zip(
                np.split(scores, ends), seeds_of_runs, seed_times
            )
        ]

    image_rng = np.random.default_rng(seed)
    seed_rng = np.random.default_rng((seed, 1))
    whole = np.array(means(np.ones(num_images), has_seed))
    draws = []
    for _ in range(resamples):
        images = image_rng.integers(num_images, size=num_images)
        times = np.bincount(images, minlength=num_images)
        draws.append(means(times, _draw_seeds(has_seed, seed_rng)))
    draws = np.array(draws)  # (R, methods, 3)
    return {
        method: {
            name: ResampledScore(float(whole[i, j]), draws[:, i, j])
            for j, name in enumerate(SCORES)
        }
        for i, method in enumerate(predicted)
    }


def _draw_seeds(has_seed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw seeds with replacement, together for all methods.

    Seeds are drawn one by one among all seeds. A method takes those that it
    has, until it has as many as there are seeds of it. So each method gets an
    independent draw of its own seeds, and methods with the same seeds get the
    same draw.

    Args:
        has_seed: Which method has which seed, bool (M, S).
        rng: Source of the draws.

    Returns:
        How often each seed is drawn for each method, int (M, S).
    """
    missing = has_seed.sum(axis=1)
    times = np.zeros(has_seed.shape, dtype=np.int64)
    while missing.any():
        drawn = rng.integers(has_seed.shape[1])
        taken = has_seed[:, drawn] & (missing > 0)
        times[:, drawn] += taken
        missing = missing - taken
    return times
