"""What each way to calibrate brings on faces of another data set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..utils.tables import markdown_table, mean_and_std
from .calibration import Calibration
from .calibration_scores import COLUMNS, probability_scores
from .fit_calibration import fit_calibration
from .labeled_predictions import LabeledPredictions


def compare_calibrations(
    fitted: LabeledPredictions,
    scored: LabeledPredictions,
    prior: np.ndarray,
    per_class: int,
    num_unlabeled: int,
    num_draws: int,
) -> str:
    """Fit every calibration to random faces, and score it on other faces.

    Args:
        fitted: Faces to draw from. Those without a label serve EM only.
        scored: Labeled faces of which none is in ``fitted``.
        prior: Class frequencies that the predictions assume, (C,).
        per_class: Number of labels of each class, as far as there are as many,
            or the mean number if the classes are not balanced.
        num_unlabeled: Number of faces for EM.
        num_draws: Number of draws, with the seeds 0, 1, ...

    Returns:
        Markdown: a row per way, the mean and standard deviation of each score
        over the draws.

    Raises:
        ValueError: There are fewer faces than are drawn, or no labels.
    """
    if not fitted.is_labeled.any() or len(fitted) < num_unlabeled:
        raise ValueError(
            f'{num_unlabeled:,} faces without labels, and some with labels, '
            f'cannot be drawn from {len(fitted):,} faces, '
            f'{int(fitted.is_labeled.sum()):,} of them labeled.'
        )
    rows: dict[str, list[dict]] = {}
    for seed in range(num_draws):
        rng = np.random.default_rng(seed)
        for name, calibration in _calibrations(
            fitted, prior, per_class, num_unlabeled, rng
        ):
            probs = scored.probs
            if calibration is not None:
                probs = calibration(probs)
            scores = probability_scores(probs, scored.labels, scored.classes)
            rows.setdefault(name, []).append(scores)
    lines = [
        [name, *(mean_and_std([x[k] for x in own]) for k in COLUMNS.values())]
        for name, own in rows.items()
    ]
    return markdown_table(['calibration', *COLUMNS], lines)


def _calibrations(
    fitted: LabeledPredictions,
    prior: np.ndarray,
    per_class: int,
    num_unlabeled: int,
    rng: np.random.Generator,
) -> Iterator[tuple[str, Calibration | None]]:
    """Yield the name and the calibration of each row."""

    def fit(
        faces: LabeledPredictions, method: str, prior: np.ndarray = prior
    ) -> Calibration:
        return fit_calibration(
            faces.probs, faces.labels, faces.classes, method, prior
        )

    labeled = rng.permutation(np.flatnonzero(fitted.is_labeled))
    truth = fitted.labels[labeled]
    num_classes = len(fitted.classes)
    balanced = [labeled[truth == c][:per_class] for c in range(num_classes)]
    drawn = {
        f'{per_class} labels per class': np.concatenate(balanced),
        f'{per_class * num_classes} labels at random': labeled[
            : per_class * num_classes
        ],
    }
    unlabeled = fitted.select(rng.permutation(len(fitted))[:num_unlabeled])
    then = f'em, {num_unlabeled:,} faces'
    yield 'none', None
    yield then, fit(unlabeled, 'em')
    for name, rows in drawn.items():
        faces = fitted.select(rows)
        for method in ('temperature', 'bias', 'labels'):
            first = fit(faces, method)
            yield f'{method}, {name}', first
        again = LabeledPredictions(
            fitted.classes,
            first(unlabeled.probs),
            unlabeled.labels,
            unlabeled.groups,
        )
        second = fit(again, 'em', np.array(first.prior))
        yield f'labels, {name}, then {then}', second.after(first)
