"""What a checkpoint becomes as ONNX: networks, examples, expected outputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..evaluation.calibration import Calibration, saved_calibration
from ..evaluation.metrics.frame_prediction_metric import to_numpy
from ..models.frame_recognizer import FrameRecognizer
from ..models.heads.expression_task import ExpressionTask
from ..models.teacher_student import TeacherStudent
from .face_input import FaceInput
from .face_networks import FrameByFrame
from .load_network import LoadedNetwork, class_names
from .onnx_file import FACES, FEATURES, TEMPORAL
from .onnx_graphs import (
    FacesToFeatures,
    FacesToProbabilities,
    FacesToTasks,
    FeaturesToTasks,
)
from .task_values import has_several_tasks


@dataclass
class OnnxPart:
    """A network that becomes a file.

    Attributes:
        path: File to write.
        kind: ``'faces'``, ``'features'`` or ``'temporal'``.
        graph: The network.
        inputs: Inputs to compare on.
        expected: Outputs of PyTorch for them.
        metadata: What the file says of itself.
    """

    path: Path
    kind: str
    graph: nn.Module
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    metadata: dict[str, Any]

    def difference(self, outputs: dict[str, np.ndarray]) -> float:
        """Return the largest difference of outputs from the expected ones."""
        # Outputs at frames that are not valid have no meaning.
        valid = self.inputs.get('valid', slice(None))
        return max(
            float(np.abs(outputs[name] - expected)[valid].max())
            for name, expected in self.expected.items()
        )


@torch.no_grad()
def onnx_parts(
    loaded: LoadedNetwork,
    path: Path,
    network: str,
    face_input: FaceInput,
    faces: np.ndarray,
) -> list[OnnxPart]:
    """Return the files that a network becomes.

    Args:
        loaded: The network.
        path: File to write; a second one stands next to it.
        network: ``'student'`` or ``'teacher'``.
        face_input: What the test does to a face.
        faces: Faces to compare on, uint8 BGR (n, S, S, 3).

    Raises:
        ValueError: The network has none of the forms that can be exported.
    """
    # As the test prepares them, and as the file takes them.
    inputs = [torch.from_numpy(face_input.to_network(x)) for x in faces]
    rgb = np.ascontiguousarray(faces[..., ::-1])
    if isinstance(loaded.model, FrameRecognizer) and network == 'student':
        parts = _recognizer_parts(loaded, path, face_input, inputs, rgb)
    else:
        classifier = _classifier(loaded, network)
        make_part = _classifier_part
        if has_several_tasks(classifier.head):
            make_part = _task_classifier_part
        parts = [make_part(loaded, path, classifier, face_input, inputs, rgb)]
    for part in parts:
        part.metadata.update(asdict(face_input), network=network)
    return parts


def _classifier(loaded: LoadedNetwork, network: str) -> nn.Module:
    model = loaded.model
    if isinstance(model, TeacherStudent):
        return getattr(model, network)
    if network != 'student':
        raise ValueError(
            f'{loaded.path}: a {type(model).__name__} has no {network}.'
        )
    if not hasattr(getattr(model, 'head', None), 'num_classes'):
        raise ValueError(
            f'{loaded.path}: {type(model).__name__} is neither an image '
            'classifier, nor a TeacherStudent or a FrameRecognizer.'
        )
    return model


def _classifier_part(
    loaded: LoadedNetwork,
    path: Path,
    classifier: nn.Module,
    face_input: FaceInput,
    inputs: list[torch.Tensor],
    rgb: np.ndarray,
) -> OnnxPart:
    """Return a classifier, from faces to probabilities."""
    classes = class_names(loaded.cfg, loaded.checkpoint, loaded.model)
    probabilities = FrameByFrame(loaded.model, classifier).run(inputs)
    if probabilities.shape[1] != len(classes):
        raise ValueError(
            f'{loaded.path}: the network predicts {probabilities.shape[1]} '
            f'classes, but the config names {len(classes)}: '
            f'{", ".join(classes)}.'
        )
    calibration = None
    if classifier is not getattr(loaded.model, 'teacher', None):
        # The student's, since that one predicts.
        calibration = saved_calibration(
            loaded.checkpoint, loaded.path, classes
        )
    if calibration is not None:
        probabilities = calibration(probabilities)
    return OnnxPart(
        path,
        FACES,
        FacesToProbabilities(
            face_input, loaded.model, classifier, calibration
        ),
        dict(faces=rgb),
        dict(probabilities=probabilities),
        dict(
            classes=classes,
            calibration=calibration and calibration.to_config(),
        ),
    )


def _task_classifier_part(
    loaded: LoadedNetwork,
    path: Path,
    classifier: nn.Module,
    face_input: FaceInput,
    inputs: list[torch.Tensor],
    rgb: np.ndarray,
) -> OnnxPart:
    """Return a classifier of several tasks, from faces to their outputs."""
    model, tasks = loaded.model, dict(classifier.head.tasks.items())
    classes, calibration = _expressions(loaded, tasks)
    images = model.data_preprocessor(dict(inputs=inputs, data_samples=None))
    logits = classifier(images['inputs'], mode='tensor')
    return OnnxPart(
        path,
        FACES,
        FacesToTasks(face_input, model, classifier, calibration),
        dict(faces=rgb),
        _expected_tasks(tasks, logits, calibration),
        dict(
            classes=classes,
            calibration=calibration and calibration.to_config(),
        ),
    )


def _expressions(
    loaded: LoadedNetwork, tasks: dict[str, nn.Module]
) -> tuple[tuple[str, ...] | None, Calibration | None]:
    """Return the classes and the calibration, if there are expressions."""
    if not any(isinstance(task, ExpressionTask) for task in tasks.values()):
        return None, None
    classes = class_names(loaded.cfg, loaded.checkpoint, loaded.model)
    return classes, saved_calibration(loaded.checkpoint, loaded.path, classes)


def _recognizer_parts(
    loaded: LoadedNetwork,
    path: Path,
    face_input: FaceInput,
    inputs: list[torch.Tensor],
    rgb: np.ndarray,
) -> list[OnnxPart]:
    """Return the temporal model and the student of a recognizer."""
    model, cfg = loaded.model, loaded.cfg
    if getattr(model.cls_head.temporal_encoder, 'num_streams', 0):
        raise ValueError(
            f'{loaded.path}: this network reads several streams, such as '
            'sound, which is not exported.'
        )
    tasks = FeaturesToTasks(model, None).tasks
    classes, calibration = _expressions(loaded, tasks)
    second = path.with_name(f'{path.stem}_features.onnx')
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    window = dataset.get('window', 64)
    images = model.data_preprocessor(dict(inputs=inputs, data_samples=None))
    features = to_numpy(model.student_features(images['inputs']))
    # Two clips, of which every fifth frame has no face.
    clips = np.stack([features, features[::-1]])
    valid = np.arange(clips.shape[1]) % 5 != 4
    valid = np.stack([valid, valid])
    logits = model.cls_head(torch.from_numpy(clips), torch.from_numpy(valid))
    if not isinstance(logits, dict):
        logits = dict.fromkeys(tasks, logits)
    return [
        OnnxPart(
            path,
            TEMPORAL,
            FeaturesToTasks(model, calibration),
            dict(features=clips, valid=valid),
            _expected_tasks(tasks, logits, calibration),
            dict(
                classes=classes,
                calibration=calibration and calibration.to_config(),
                window=window,
                stride=dataset.get('stride') or window,
                features_file=second.name,
            ),
        ),
        OnnxPart(
            second,
            FEATURES,
            FacesToFeatures(face_input, model),
            dict(faces=rgb),
            dict(features=features),
            dict(),
        ),
    ]


def _expected_tasks(
    tasks: dict[str, nn.Module],
    logits: dict[str, torch.Tensor],
    calibration: Calibration | None,
) -> dict[str, np.ndarray]:
    """Return the outputs of PyTorch for the logits of each task."""
    expected = {}
    for name, task in tasks.items():
        scores = to_numpy(task.predict(logits[name]))
        if isinstance(task, ExpressionTask) and calibration is not None:
            scores = calibration(scores)
        expected[name] = scores
    return expected
