from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..utils.files import file_sha256, whole_file
from .face_folder import list_faces, random_faces, read_faces
from .face_input import FaceInput
from .load_network import load_network
from .onnx_convert import OPSET, finish, to_onnx
from .onnx_file import TEMPORAL, export_problem, open_session, run_session
from .onnx_parts import OnnxPart, onnx_parts
from .onnx_precision import PRECISIONS, to_half, to_int8

#: Largest difference between ONNX and PyTorch in a file of float32.
TOLERANCE = 1e-4


@dataclass
class ExportedFile:
    """A file that was written.

    Attributes:
        path: The file.
        precision: Its precision.
        opset: Version of the operators of ONNX.
        size: Size in bytes.
        difference: Largest difference of an output from PyTorch.
        num_faces: Number of faces that this was measured on.
    """

    path: str
    precision: str
    opset: int
    size: int
    difference: float
    num_faces: int


def export_onnx(
    checkpoint: str | None,
    out: str,
    network: str = 'student',
    precision: str = 'fp32',
    faces: str | None = None,
    config: str | None = None,
) -> list[ExportedFile]:
    """Write a network as ONNX, with what comes before and after it.

    A classifier, or one network of a ``TeacherStudent``, becomes one file:
    ``faces``, uint8 RGB (N, S, S, 3), to ``probabilities``, float32 (N, C),
    or to one output per task (N, C), such as ``EXPR``, if it has several.
    Conversion to gray, normalization, softmax, class prior and calibration
    are inside; finding, cropping and resizing the face are not.

    A ``FrameRecognizer`` becomes two. ``OUT.onnx`` maps ``features``, float32
    (N, T, D), and ``valid``, bool (N, T), to one output per task (N, T, C),
    such as ``EXPR``. ``OUT_features.onnx`` maps ``faces`` to ``features``,
    float32 (N, D).

    The metadata of a file have, as JSON: ``classes``; ``side`` S, ``steps``
    (Resize and CenterCrop of the test), ``face_crop`` (``margin`` around the
    box of a face, ``size`` before the steps) and ``gray``; ``network``,
    ``precision``, ``calibration`` and ``checkpoint_sha256``; for a recognizer
    ``window``, ``stride`` and ``features_file``. ``fer_ssl`` is the kind of
    the file: ``faces``, ``features`` or ``temporal``.

    Args:
        checkpoint: Checkpoint or hub folder; ``None`` uses that of the
            package.
        out: File to write.
        network: ``'student'`` or ``'teacher'`` of a ``TeacherStudent``.
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'`` of the network that
            sees the faces. A temporal model always is float32.
        faces: Folder of face images, as in the data set of the network, to
            compare with PyTorch and for the ranges of ``'int8'``. ``None``
            compares on noise.
        config: Config; ``None`` uses the one inside the checkpoint.

    Returns:
        The written files.

    Raises:
        FileNotFoundError: If checkpoint, config or folder does not exist.
        ImportError: If a package of the extra ``onnx`` is missing, or PyTorch
            is older than 2.8.
        ValueError: If the network cannot be exported, or the result differs
            from PyTorch; nothing is written then.
    """
    problem = export_problem()
    if problem:
        raise ImportError(problem)
    if precision not in PRECISIONS:
        raise ValueError(
            f'precision {precision!r} is none of {", ".join(PRECISIONS)}.'
        )
    if precision == 'int8' and faces is None:
        raise ValueError(
            'int8 needs faces to measure the ranges of the activations: name '
            'a folder of images by --faces.'
        )
    loaded = load_network(checkpoint, config)
    with loaded.building():
        face_input = FaceInput.from_config(loaded.cfg)
        if faces is None:
            images = random_faces(face_input.side)
        else:
            images = read_faces(list_faces(faces), face_input)
        parts = onnx_parts(loaded, Path(out), network, face_input, images)
    stamp = dict(checkpoint_sha256=file_sha256(loaded.path))
    made = []
    for part in parts:
        part.metadata.update(stamp)
        made.append(_make(part, precision))
    # Written last: all of them have been compared with PyTorch.
    for part, (content, _) in zip(parts, made):
        with whole_file(part.path, 'wb') as file:
            file.write(content)
    return [
        ExportedFile(
            str(part.path),
            part.metadata['precision'],
            OPSET,
            len(content),
            difference,
            len(images),
        )
        for part, (content, difference) in zip(parts, made)
    ]


def _make(part: OnnxPart, precision: str) -> tuple[bytes, float]:
    """Return the content of a file and its difference from PyTorch."""
    if part.kind == TEMPORAL:
        precision = 'fp32'
    part.metadata['precision'] = precision
    try:
        model = to_onnx(part.graph, part.inputs, list(part.expected))
    except ValueError as error:
        raise ValueError(f'{part.path}: {error}') from error
    if precision == 'fp16':
        model = to_half(model)
    elif precision == 'int8':
        model = to_int8(model, _batches(part.inputs['faces']))
    content = finish(model, part.kind, part.metadata)
    session = open_session(content, str(part.path))
    if part.kind == TEMPORAL:
        outputs = run_session(session, part.inputs)
    else:
        done = [
            run_session(session, dict(faces=batch))
            for batch in _batches(part.inputs['faces'])
        ]
        outputs = {
            name: np.concatenate([batch[name] for batch in done])
            for name in part.expected
        }
    difference = part.difference(outputs)
    if precision == 'fp32' and not difference <= TOLERANCE:
        raise ValueError(
            f'{part.path}: not written, since the network in ONNX differs '
            f'from the one in PyTorch by {difference:.2g}, more than '
            f'{TOLERANCE:g}. Its head or backbone predicts otherwise than '
            'this export assumes; please report it.'
        )
    return content, difference


def _batches(faces: np.ndarray) -> list[np.ndarray]:
    return [faces[i : i + 32] for i in range(0, len(faces), 32)]
