"""Networks with what comes before and after them, as they are exported."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ..evaluation.calibration import Calibration
from ..models.frame_recognizer import FrameRecognizer
from ..models.heads.action_unit_task import ActionUnitTask
from ..models.heads.expression_task import ExpressionTask
from ..models.temporal.recurrent_encoder import RecurrentEncoder
from ..models.temporal.transformer_encoder import TransformerEncoder
from .face_input import FaceInput
from .onnx_recurrence import OnnxRecurrence


class FacesToImages(nn.Module):
    """Normalizes faces, uint8 RGB (N, S, S, 3), to images (N, C, S, S).

    Args:
        face_input: What the test does before the normalization.
        data_preprocessor: Holds mean, standard deviation and channel order.

    Raises:
        ValueError: If the data preprocessor would pad the images.
    """

    def __init__(
        self, face_input: FaceInput, data_preprocessor: nn.Module
    ) -> None:
        super().__init__()
        self.gray = face_input.gray
        if self.gray is not None:
            total = sum(self.gray.weights[::-1])
            # Tensors, since the exporter rounds numbers to float32.
            self.weights = [
                torch.tensor(weight / total, dtype=torch.float64)
                for weight in self.gray.weights
            ]
        divisor = getattr(data_preprocessor, 'pad_size_divisor', 1)
        if face_input.side % divisor:
            raise ValueError(
                f'the data preprocessor pads faces of {face_input.side} '
                f'pixels to a multiple of {divisor}, which is not exported.'
            )
        self.to_bgr = not data_preprocessor.to_rgb
        self.mean = getattr(data_preprocessor, 'mean', None)
        self.std = getattr(data_preprocessor, 'std', None)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        images = faces.permute(0, 3, 1, 2)
        if self.gray is not None:
            images = self._to_gray(images)
        elif self.to_bgr:
            images = images.flip(1)
        images = images.float()
        if self.mean is not None:
            images = (images - self.mean) / self.std
        return images

    def _to_gray(self, images: torch.Tensor) -> torch.Tensor:
        # In double precision and in the order of NumPy's sum over BGR: the
        # result is an integer, so a rounding error could change it by one.
        x = images.double()
        red, green, blue = self.weights
        gray = blue * x[:, 2:] + green * x[:, 1:2] + red * x[:, :1]
        gray = (gray + self.gray.offset).floor()
        return gray.expand(-1, self.gray.channels, -1, -1)


class CalibratedSoftmax(nn.Module):
    """Softmax and calibration: softmax(log p / temperature + bias).

    Args:
        calibration: Calibration of the probabilities p.
    """

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.temperature = calibration.temperature
        bias = torch.tensor(calibration.bias, dtype=torch.float32)
        self.register_buffer('bias', bias)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Return probabilities of logits, both (..., C)."""
        logs = logits.log_softmax(dim=-1) / self.temperature
        return (logs + self.bias).softmax(dim=-1)


def _softmax(calibration: Calibration | None) -> nn.Module:
    if calibration is None:
        return nn.Softmax(dim=-1)
    return CalibratedSoftmax(calibration)


class FacesToProbabilities(nn.Module):
    """Classifier from faces, uint8 RGB (N, S, S, 3), to probabilities (N, C).

    Args:
        face_input: See :class:`FacesToImages`.
        model: Model whose data preprocessor is used.
        classifier: Network that predicts; ``model`` or a part of it.
        calibration: Calibration of the expressions; ``None`` for none.
    """

    def __init__(
        self,
        face_input: FaceInput,
        model: nn.Module,
        classifier: nn.Module,
        calibration: Calibration | None,
    ) -> None:
        super().__init__()
        self.to_images = FacesToImages(face_input, model.data_preprocessor)
        self.classifier = classifier
        self.softmax = _softmax(calibration)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        images = self.to_images(faces)
        logits = self.classifier(images, mode='tensor').float()
        # PriorLinearHead.predict adds it.
        prior = getattr(self.classifier.head, 'log_prior', None)
        return self.softmax(logits if prior is None else logits + prior)


class FacesToTasks(FacesToProbabilities):
    """Classifier of several tasks: faces, uint8 (N, S, S, 3), to (N, C_i)."""

    def forward(self, faces: torch.Tensor) -> tuple[torch.Tensor, ...]:
        logits = self.classifier(self.to_images(faces), mode='tensor')
        return _predict(self.classifier.head.tasks, logits, self.softmax)


class FacesToFeatures(nn.Module):
    """Student of a recognizer: faces, uint8 (N, S, S, 3), to (N, D).

    Args:
        face_input: See :class:`FacesToImages`.
        model: The recognizer.
    """

    def __init__(self, face_input: FaceInput, model: FrameRecognizer) -> None:
        super().__init__()
        self.to_images = FacesToImages(face_input, model.data_preprocessor)
        self.backbone = model.backbone

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        features = self.backbone(self.to_images(faces))
        if isinstance(features, tuple):
            features = features[-1]
        return features.mean(dim=(2, 3)) if features.dim() == 4 else features


class FeaturesToTasks(nn.Module):
    """Temporal head: features (N, T, D), valid bool (N, T), to (N, T, C_i).

    Args:
        model: The recognizer.
        calibration: Calibration of the expressions; ``None`` for none.
    """

    def __init__(
        self, model: FrameRecognizer, calibration: Calibration | None
    ) -> None:
        super().__init__()
        self.head = copy.deepcopy(model.cls_head)
        for parent in list(self.head.modules()):
            if isinstance(parent, TransformerEncoder):
                # The frames that it keeps depend on the data, which a graph
                # cannot follow. Its output is the same without.
                parent.skip_invalid = False
            for name, child in list(parent.named_children()):
                if isinstance(child, RecurrentEncoder):
                    setattr(parent, name, OnnxRecurrence(child))
        self.softmax = _softmax(calibration)
        self.tasks = dict(getattr(self.head, 'tasks', {}).items())
        if not self.tasks:
            task = self.head.task
            self.tasks = {_default_name(task): task}

    def forward(
        self, features: torch.Tensor, valid: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        logits = self.head(features, valid)
        if not isinstance(logits, dict):
            logits = dict.fromkeys(self.tasks, logits)
        return _predict(self.tasks, logits, self.softmax)


def _predict(
    tasks: nn.ModuleDict | dict[str, nn.Module],
    logits: dict[str, torch.Tensor],
    softmax: nn.Module,
) -> tuple[torch.Tensor, ...]:
    """Return the outputs of the tasks, those of expressions calibrated."""
    return tuple(
        softmax(logits[name].float())
        if isinstance(task, ExpressionTask)
        else task.predict(logits[name])
        for name, task in tasks.items()
    )


def _default_name(task: nn.Module) -> str:
    """Return the name in ABAW of a task whose config gives it none."""
    if isinstance(task, ExpressionTask):
        return 'EXPR'
    return 'AU' if isinstance(task, ActionUnitTask) else 'VA'
