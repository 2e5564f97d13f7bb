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
        parts = [
            _classifier_part(loaded, path, classifier, face_input, inputs, rgb)
        ]
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
    """Return a classifier, from faces to probabilities or to its tasks."""
    model = loaded.model
    if has_several_tasks(classifier.head):
        images = model.data_preprocessor(
            dict(inputs=inputs, data_samples=None)
        )['inputs']
        logits = classifier(images, mode='tensor')
        expected = _predictions(classifier.head.tasks, logits)
        graph = FacesToTasks
    else:
        scores = FrameByFrame(model, classifier).run(inputs)
        expected, graph = dict(probabilities=scores), FacesToProbabilities
    is_teacher = classifier is getattr(model, 'teacher', None)
    classes, calibration = _calibrate(loaded, expected, is_teacher)
    return OnnxPart(
        path,
        FACES,
        graph(face_input, model, classifier, calibration),
        dict(faces=rgb),
        expected,
        dict(
            classes=classes,
            calibration=calibration and calibration.to_config(),
        ),
    )


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
    expected = _predictions(tasks, logits)
    classes, calibration = _calibrate(loaded, expected)
    return [
        OnnxPart(
            path,
            TEMPORAL,
            FeaturesToTasks(model, calibration),
            dict(features=clips, valid=valid),
            expected,
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


def _predictions(
    tasks: nn.ModuleDict | dict[str, nn.Module],
    logits: dict[str, torch.Tensor],
) -> dict[str, np.ndarray]:
    """Return what PyTorch predicts for the logits of each task."""
    return {
        name: to_numpy(task.predict(logits[name]))
        for name, task in tasks.items()
    }


def _calibrate(
    loaded: LoadedNetwork,
    expected: dict[str, np.ndarray],
    is_teacher: bool = False,
) -> tuple[tuple[str, ...] | None, Calibration | None]:
    """Calibrate the expressions among the expected outputs, in place.

    Returns:
        The classes of the expressions, and their calibration. Without
        expressions, both are ``None``.
    """
    name = next((x for x in ('EXPR', 'probabilities') if x in expected), None)
    if name is None:
        return None, None
    classes = class_names(loaded.cfg, loaded.checkpoint, loaded.model)
    count = expected[name].shape[-1]
    if count != len(classes):
        raise ValueError(
            f'{loaded.path}: the network predicts {count} classes, but the '
            f'config names {len(classes)}: {", ".join(classes)}.'
        )
    if is_teacher:  # The calibration is the student's, which predicts.
        return classes, None
    calibration = saved_calibration(loaded.checkpoint, loaded.path, classes)
    if calibration is not None:
        expected[name] = calibration(expected[name])
    return classes, calibration
