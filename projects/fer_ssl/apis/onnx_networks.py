"""Networks of both phases in ONNX files, applied to the faces of a video.

They replace those of ``face_networks.py``, and build no network of PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.config import Config

from .face_networks import FaceNetwork, FrameByFrame, WindowByWindow
from .onnx_file import FEATURES, TEMPORAL, OnnxFile
from .task_values import task_order, value_columns


def open_onnx(path: str, config: object, device: str | None) -> OnnxFile:
    """Open a file for :class:`ExpressionInferencer`.

    Args:
        path: The file.
        config: Must be ``None``.
        device: As for any network; ``None`` is the CPU.

    Raises:
        ValueError: A config was given, or the file is only a part.
    """
    if config is not None:
        raise ValueError(
            f'{path}: an ONNX file says itself how faces are prepared. Leave '
            'out --config (model in Python).'
        )
    file = OnnxFile(path, device or 'cpu')
    if file.kind == FEATURES:
        raise ValueError(
            f'{path}: this file only computes features. Name the file of the '
            'temporal model, which export_onnx wrote with it.'
        )
    return file


def onnx_network(file: OnnxFile) -> FaceNetwork:
    """Return the network that a file holds, alone or with that beside it.

    Raises:
        FileNotFoundError: A second file is missing.
        ValueError: The second file belongs to another checkpoint.
    """
    if file.kind == TEMPORAL:
        return OnnxWindowByWindow(file, file.beside(FEATURES))
    return OnnxFrameByFrame(file)


def onnx_config(file: OnnxFile) -> Config:
    """Return a config that prepares faces for a file, with its classes."""
    cfg = file.face_input.to_config()
    cfg.test_dataloader.dataset.metainfo = dict(classes=file.classes)
    return cfg


class OnnxFrameByFrame(FrameByFrame):
    """Image classifier in an ONNX file.

    Args:
        file: The file.
    """

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self._outputs, self.value_names = _ordered_outputs(file)

    @property
    def num_classes(self) -> int:
        return len(self.file.classes)

    def run_part(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        outputs = run_on_faces(self.file, inputs)
        return np.concatenate([outputs[x] for x in self._outputs], axis=-1)


class OnnxWindowByWindow(WindowByWindow):
    """Network of both phases in two ONNX files.

    Args:
        file: The temporal model.
        features: The student, which computes the features.
    """

    def __init__(self, file: OnnxFile, features: OnnxFile) -> None:
        self.file = file
        self.features = features
        self.window = _count(file, 'window')
        self.stride = _count(file, 'stride')
        self._outputs, self.value_names = _ordered_outputs(file)
        self.reset()

    @property
    def num_classes(self) -> int:
        return len(self.file.classes)

    def run_part(self, inputs: Sequence[torch.Tensor]) -> np.ndarray:
        return run_on_faces(self.features, inputs)['features']

    def run_window(self, x: np.ndarray, valid: np.ndarray) -> np.ndarray:
        outputs = self.file.run(features=x, valid=valid)
        return np.concatenate([outputs[x] for x in self._outputs], axis=-1)


def _count(file: OnnxFile, name: str) -> int:
    """Return a number of frames, at least 1, that the metadata hold.

    Raises:
        ValueError: They hold something else.
    """
    value = file.metadata.get(name)
    if type(value) is not int or value < 1:
        raise file.damaged(f'{name} is {value!r}')
    return value


def _ordered_outputs(file: OnnxFile) -> tuple[list[str], tuple[str, ...]]:
    """Return the outputs of a file, expressions first, and the values' names.

    The expressions are ``EXPR`` among several tasks, or else
    ``probabilities``.

    Raises:
        ValueError: It names another number of classes.
    """
    widths = {x.name: x.shape[-1] for x in file.session.get_outputs()}
    width = widths.get('EXPR', widths.get('probabilities'))
    if width != len(file.classes):
        raise file.damaged(
            f'{len(file.classes)} classes, but {width} probabilities'
        )
    names = task_order(widths)
    return names, tuple(
        column
        for name in names
        if name not in ('EXPR', 'probabilities')
        for column in value_columns(name, widths[name])
    )


def run_on_faces(
    file: OnnxFile, inputs: Sequence[torch.Tensor]
) -> dict[str, np.ndarray]:
    """Run a file on n faces; each output is float32 (n, ...).

    Args:
        file: File of the kind ``'faces'`` or ``'features'``.
        inputs: Faces after the transforms of the test, uint8 (3, S, S), BGR,
            or (1, S, S), gray.
    """
    # To RGB. Gray faces become three equal channels, of which the conversion
    # to gray in the file makes the same again.
    faces = torch.stack(list(inputs)).expand(-1, 3, -1, -1).flip(1)
    faces = faces.permute(0, 2, 3, 1).contiguous().numpy()
    return file.run(faces=faces)
