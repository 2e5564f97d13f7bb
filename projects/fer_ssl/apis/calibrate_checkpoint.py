"""Calibration of a checkpoint on faces of a user."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader

from ..evaluation.calibration import KEY, Calibration
from ..evaluation.calibration_scores import (
    cross_validate,
    probability_scores,
)
from ..evaluation.fit_calibration import METHODS, fit_calibration
from ..evaluation.labeled_predictions import LabeledPredictions
from ..utils.files import make_folder, save_figure
from ..utils.saved_config import dump_literals, parse_saved_config
from .assumed_prior import assumed_prior
from .calibration_checks import (
    LABELS_FIRST,
    can_be_scored,
    check_faces,
    warn,
    warn_of_em,
    warn_of_lost_classes,
)
from .calibration_result import CalibrationResult
from .expression_inferencer import ExpressionInferencer
from .face_probabilities import FaceProbabilities
from .own_faces import FOREIGN, read_own_faces
from .publish_checkpoint import KEPT_META, plain_values, write_checkpoint

_REMEDY = (
    'The calibration is stored in the config inside the checkpoint, which '
    'must contain no code: its modules must all come from fer_ssl and the '
    'OpenMMLab packages.'
)


def calibrate_checkpoint(
    checkpoint: str,
    faces: str,
    target: str,
    method: str | None = None,
    split: str | None = None,
    detect: bool = False,
    config: str | None = None,
    trained_on: Sequence[float] | None = None,
    device: str | None = None,
) -> CalibrationResult:
    """Fit a calibration to faces and write it into a new checkpoint.

    If the checkpoint is calibrated already, the new calibration continues from
    the old one: what was fitted to labels remains when EM adapts the class
    prior to other faces.

    Args:
        checkpoint: Checkpoint of a network that predicts expressions.
        faces: Folder of faces (:func:`.own_faces.read_own_faces`), or a CSV
            file of predictions that a test of this checkpoint wrote.
        target: Checkpoint to write, with what inference needs. If there are
            labels, a reliability diagram is written beside it.
        method: One of :data:`METHODS`. Defaults to ``'labels'``; without
            labels to ``'em'``, if the checkpoint is calibrated with labels.
        split: Part of the data set in the folder.
        detect: Whether to search for the faces in the images.
        config: Config; defaults to the one inside the checkpoint.
        trained_on: Number of faces of each class in the training, (C,).
            Defaults to what the checkpoint tells, else to equal numbers.
        device: Device of the network.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: There are too few faces or labels, or the checkpoint
            cannot be calibrated; the message gives the remedy.
    """
    if method not in (*METHODS, None):
        raise ValueError(f'method={method!r} is none of {METHODS}.')
    if osp.realpath(target) == osp.realpath(checkpoint):
        raise ValueError(
            f'{target}: the new checkpoint would replace the one that is '
            'calibrated. Choose another name.'
        )
    inferencer = ExpressionInferencer(config, checkpoint, device=device)
    make_folder(osp.dirname(target) or '.')
    first = inferencer.network.calibration
    # Fails now if the config cannot be stored, not after the predictions.
    cfg = _with_calibration(inferencer.cfg, {}, checkpoint)
    predictions = _predict(inferencer, faces, split, detect, method is None)
    labeled = predictions.select(predictions.is_labeled)
    method = method or ('labels' if len(labeled) else 'em')
    used = predictions if method == 'em' else labeled
    check_faces(faces, used, method)
    prior = assumed_prior(inferencer, trained_on)
    if method == 'em':
        warn_of_em(checkpoint, first, prior)
    if prior is None:
        prior = np.full(len(used.classes), 1 / len(used.classes))
    fits = {name: partial(_fit, method=name, prior=prior) for name in METHODS}

    own = fits[method](used)
    if method == 'em':
        warn_of_lost_classes(faces, own)
    files, scores = [target], {}
    if can_be_scored(faces, labeled):
        probs = {name: cross_validate(labeled, fits[name]) for name in METHODS}
        probs = {'before': labeled.probs, **probs}
        scores = {
            name: probability_scores(p, labeled.labels, labeled.classes)
            for name, p in probs.items()
        }
        kept = dict(before=scores['before'], after=scores[method])
        own = replace(own, scores=kept)
        shown = {name: probs[name] for name in ('before', method)}
    means = np.stack([x.mean(axis=0) for x in (used.probs, own(used.probs))])
    own = own.after(first)
    cfg = _with_calibration(cfg, own.to_config(), checkpoint)
    _write(checkpoint, target, dump_literals(cfg))
    if scores:
        files.append(f'{osp.splitext(target)[0]}_reliability.png')
        _plot(shown, labeled, files[-1])
    return CalibrationResult(own, method, scores, means, files)


def _fit(
    faces: LabeledPredictions, method: str, prior: np.ndarray
) -> Calibration:
    return fit_calibration(
        faces.probs, faces.labels, faces.classes, method, prior
    )


def _predict(
    inferencer: ExpressionInferencer,
    faces: str,
    split: str | None,
    detect: bool,
    needs_labels: bool,
) -> LabeledPredictions:
    """Predict the faces of a folder, or read predictions of a CSV file.

    Args:
        needs_labels: Whether faces without any label are an error, unless the
            network is calibrated.
    """
    if osp.basename(faces) == 'labels.csv':
        faces = osp.dirname(faces) or '.'
    if faces.endswith('.csv'):
        found = LabeledPredictions.from_csv(faces)
        if tuple(found.classes) != inferencer.classes:
            raise ValueError(
                f'{faces}: the predictions are for '
                f'{", ".join(found.classes)}, but the classes of the '
                f'checkpoint are {", ".join(inferencer.classes)}.'
            )
        return found
    predictor = FaceProbabilities(inferencer, detect)
    own = read_own_faces(faces, inferencer.classes, split)
    first = inferencer.network.calibration
    if (
        needs_labels
        and not (own.labels >= 0).any()
        and (first is None or not first.has_fitted_biases)
    ):
        raise ValueError(
            f'{faces}: no face has a label. {LABELS_FIRST} Or choose '
            '--method em, and look at the classes that it predicts.'
        )
    found = predictor.predict(own)
    for problem in (*own.problems, *predictor.problems):
        warn(problem)
    return found.select(found.labels != FOREIGN)


def _plot(
    predictions: dict[str, np.ndarray], faces: LabeledPredictions, path: str
) -> None:
    # Imported here, since matplotlib takes a second.
    from ..visualization.reliability import plot_reliability

    save_figure(plot_reliability(predictions, faces.labels), path)


def _with_calibration(config: Config, entry: dict, source: str) -> Config:
    """Return the config with a calibration, as its text will be read."""
    content = Config({**config.to_dict(), KEY: entry})
    return parse_saved_config(dump_literals(content), source, _REMEDY)


def _write(source: str, target: str, config: str) -> None:
    content = CheckpointLoader.load_checkpoint(source, 'cpu', 'silent')
    meta = content.get('meta') or {}
    kept = {key: meta[key] for key in KEPT_META if key in meta}
    kept = plain_values({**kept, 'cfg': config}, source)
    write_checkpoint(kept, content.get('state_dict', content), target)
