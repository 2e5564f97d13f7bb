from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..evaluation.functional.classification_scores import (
    confusion_matrix,
    scores_from_confusion,
)
from ..evaluation.labeled_predictions import LabeledPredictions
from ..utils.tables import markdown_table
from .calibration_checks import warn
from .expression_inferencer import ExpressionInferencer
from .face_change import FaceChange
from .face_probabilities import FaceProbabilities
from .own_faces import FOREIGN, read_own_faces

_SCORES = {'accuracy': 'accuracy', 'macro-F1': 'macro_f1', 'UAR': 'uar'}


def robustness(
    checkpoint: str,
    folder: str,
    split: str | None = None,
    detect: bool = False,
    classes: Sequence[str] | None = None,
    shift: float = 0.1,
    scale: float = 0.2,
    pixels: int = 24,
    seed: int = 0,
) -> str:
    """Compare the predictions for faces with those for worse images of them.

    Args:
        checkpoint: Checkpoint of a network that predicts single faces.
        folder: Folder of faces, see :func:`.own_faces.read_own_faces`.
        split: Part of the data set in the folder.
        detect: Whether to search for the faces in the images.
        classes: Choose among these classes only. Defaults to all classes of
            the network; one that no face has lowers the macro-F1.
        shift, scale, pixels, seed: See :class:`.face_change.FaceChange`.

    Returns:
        Markdown: a row for the faces as they are, with moved boxes, and with
        few pixels; accuracy, macro-F1 and UAR if there are labels, and the
        fraction of faces whose label stays the same, in percent.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: See :func:`.own_faces.read_own_faces`.
    """
    changes = {
        'as they are': None,
        f'boxes moved by up to {100 * shift:g} % of their side and scaled by '
        f'up to {100 * scale:g} %': FaceChange(shift, scale, seed=seed),
        f'{pixels} pixels': FaceChange(pixels=pixels),
    }
    inferencer = ExpressionInferencer(weights=checkpoint)
    faces = read_own_faces(folder, inferencer.classes, split)
    for problem in faces.problems:
        warn(problem)
    has_labels = (faces.labels >= 0).any()
    used = faces.labels >= 0 if has_labels else faces.labels != FOREIGN
    if not used.any():
        raise ValueError(
            f'{folder}: no face is of a class of the network, which are '
            f'{", ".join(inferencer.classes)}.'
        )
    faces = faces.select(np.flatnonzero(used))
    found: dict[str, LabeledPredictions] = {}
    for name, change in changes.items():
        predictor = FaceProbabilities(inferencer, detect, change)
        own = predictor.predict(faces).restrict(classes or inferencer.classes)
        found[name] = own.select(own.is_labeled) if has_labels else own
    for problem in predictor.problems:
        warn(problem)
    first = found['as they are']
    rows = []
    for name, own in found.items():
        labels = own.probs.argmax(axis=1)
        row = [name]
        if has_labels:
            confusion = confusion_matrix(own.labels, labels, len(own.classes))
            scores = scores_from_confusion(confusion, own.classes)
            row += [f'{scores[key]:.2f}' for key in _SCORES.values()]
        same = (labels == first.probs.argmax(axis=1)).mean()
        rows.append([*row, f'{100 * same:.1f}'])
    head = [f'{len(first):,} faces', *(_SCORES if has_labels else ())]
    return f'{markdown_table([*head, "same label"], rows)}\n'
