from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmengine.fileio import get

from ..evaluation.calibration_comparison import compare_calibrations
from .assumed_prior import assumed_prior
from .expression_inferencer import ExpressionInferencer
from .face_probabilities import FaceProbabilities
from .own_faces import read_own_faces


def calibration_transfer(
    checkpoint: str,
    fit: tuple[str, str | None],
    score: tuple[str, str | None],
    per_class: int,
    num_unlabeled: int,
    num_draws: int,
    classes: Sequence[str] | None = None,
) -> str:
    """Compare calibrations that are fitted to one set and scored on another.

    Faces of classes that the network does not have are among those without
    labels, since nobody could sort them out, but are not scored. Images of the
    first set that are byte for byte in the second are left out.

    Args:
        checkpoint: Checkpoint of a network that predicts single faces.
        fit: Folder and part of the faces to draw from; ``None`` takes all.
        score: The same of the faces to score.
        per_class, num_unlabeled, num_draws: See
            :func:`.calibration_comparison.compare_calibrations`.
        classes: Choose among these classes only. Defaults to all classes of
            the network; one that no scored face has lowers the macro-F1.

    Returns:
        Markdown: a table, and what was drawn and scored.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: See :func:`.own_faces.read_own_faces`.
    """
    inferencer = ExpressionInferencer(weights=checkpoint)
    classes = classes or inferencer.classes
    to_score = read_own_faces(score[0], inferencer.classes, score[1])
    to_fit = read_own_faces(fit[0], inferencer.classes, fit[1])
    known = {_digest(image) for image in to_score.images}
    kept = [i for i, x in enumerate(to_fit.images) if _digest(x) not in known]
    num_copies = len(to_fit.images) - len(kept)
    if not kept:
        raise ValueError(
            f'{fit[0]}: every image is also in {score[0]}, so there is none '
            'to calibrate on.'
        )
    predictor = FaceProbabilities(inferencer)
    scored = predictor.predict(to_score).restrict(classes)
    scored = scored.select(scored.is_labeled)
    fitted = predictor.predict(to_fit.select(kept)).restrict(classes)
    prior = assumed_prior(inferencer)
    if prior is None:
        prior = np.ones(len(inferencer.classes))
    prior = prior[[inferencer.classes.index(x) for x in classes]]
    table = compare_calibrations(
        fitted, scored, prior, per_class, num_unlabeled, num_draws
    )
    names = Counter(classes[i] for i in scored.labels.tolist())
    counts = ', '.join(f'{name} {n:,}' for name, n in names.most_common())
    return (
        f'{table}\n\n'
        f'Mean and standard deviation of {num_draws} draws from '
        f'{len(fitted):,} faces, of which {int(fitted.is_labeled.sum()):,} '
        f'have a label ({num_copies} more are copies of scored images). '
        f'Scored faces: {counts}.\n'
    )


def _digest(image: str) -> bytes | str:
    """Hash the bytes of an image; one that cannot be read has none."""
    try:
        return hashlib.sha256(get(image)).digest()
    except OSError:
        return image
