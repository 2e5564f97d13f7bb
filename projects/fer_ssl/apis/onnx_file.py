from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..utils.data_files import parse_json
from ..utils.placeholders import check_file
from ..utils.saved_config import components_of_data
from .face_input import FaceInput

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# What each kind of file holds; see export_onnx.
FACES, FEATURES, TEMPORAL = 'faces', 'features', 'temporal'
_KINDS = (FACES, FEATURES, TEMPORAL)


def export_problem() -> str | None:
    """Return why :func:`export_onnx` cannot work here, or None."""
    if not hasattr(torch.onnx, 'ops'):
        return (
            f'the export needs PyTorch 2.8 or later, and this is '
            f'{torch.__version__}.'
        )
    return _missing('onnx', 'onnxscript', 'onnxruntime')


def _missing(*packages: str) -> str | None:
    missing = [name for name in packages if find_spec(name) is None]
    if not missing:
        return None
    return (
        f'ONNX files need {", ".join(missing)}, which is not installed. Run '
        '`pip install fer_ssl[onnx]`.'
    )


class OnnxFile:
    """Network in an ONNX file of :func:`export_onnx`, run by onnxruntime.

    Args:
        path: The file.
        device: ``'cuda'`` uses a GPU if onnxruntime can; the default is the
            CPU.

    Attributes:
        kind: ``'faces'`` (faces to probabilities), ``'features'`` (faces to
            features) or ``'temporal'`` (features to predictions).
        metadata: What the file says of itself, see :func:`export_onnx`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is missing.
        ValueError: It is not an ONNX file, or not one of this package.
    """

    def __init__(self, path: str, device: str = 'cpu') -> None:
        problem = _missing('onnxruntime')
        if problem:
            raise ImportError(problem)
        self.path = path
        self.session = open_session(path, path, device)
        texts = self.session.get_modelmeta().custom_metadata_map
        if texts.get('fer_ssl') not in _KINDS:
            raise ValueError(
                f'{path}: this ONNX file was not written by export_onnx of '
                'fer_ssl, so its classes and the form of its input are '
                'unknown. Write one from a checkpoint: `mim run fer_ssl '
                'export_onnx CHECKPOINT OUT.onnx`.'
            )
        self.kind = texts.pop('fer_ssl')
        try:
            self.metadata = {
                key: parse_json(key, text) for key, text in texts.items()
            }
        except ValueError as error:
            raise self.damaged(error) from error

    @cached_property
    def face_input(self) -> FaceInput:
        """What becomes of a face before the network."""
        try:
            with components_of_data(self.path):
                return FaceInput.from_metadata(self.metadata)
        except (KeyError, TypeError, ValueError) as error:
            raise self.damaged(error) from error

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, all different."""
        classes = self.metadata.get('classes')
        if not isinstance(classes, list) or not classes:
            raise ValueError(f'{self.path}: it does not predict expressions.')
        texts = {x for x in classes if isinstance(x, str) and x}
        if len(texts) < len(classes):
            raise self.damaged(f'classes are {classes}')
        return tuple(classes)

    def beside(self, kind: str) -> OnnxFile:
        """Open the file of another kind that was written with this one."""
        name = self.metadata.get(f'{kind}_file')
        # A name, not a path: the file of a stranger must not choose others.
        if not isinstance(name, str) or Path(name).name != name:
            raise self.damaged(f'{kind}_file is {name!r}')
        path = Path(self.path).with_name(name)
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} does not exist. {self.path} needs it; export_onnx '
                'writes both files.'
            )
        device = self.session.get_providers()[0]
        other = OnnxFile(str(path), 'cuda' if 'CUDA' in device else 'cpu')
        own = self.metadata.get('checkpoint_sha256')
        if (
            other.kind != kind
            or other.metadata.get('checkpoint_sha256') != own
        ):
            raise ValueError(
                f'{path}: this file does not belong to {self.path}. Export '
                'both from one checkpoint.'
            )
        return other

    def run(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name."""
        return run_session(self.session, inputs)

    def damaged(self, reason: object) -> ValueError:
        """Return an error for metadata that cannot be read."""
        return ValueError(
            f'{self.path}: its metadata is damaged ({reason!r}). Export it '
            'again.'
        )


def open_session(
    model: str | bytes, name: str, device: str = 'cpu'
) -> InferenceSession:
    """Open a model in onnxruntime.

    Args:
        model: Path or content of an ONNX file.
        name: Name of the file, for messages.
        device: See :class:`OnnxFile`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: onnxruntime cannot read it.
    """
    import onnxruntime

    if isinstance(model, str):
        open(model, 'rb').close()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    wanted = ['CPUExecutionProvider']
    if str(device).startswith('cuda'):
        wanted.insert(0, 'CUDAExecutionProvider')
    providers = set(onnxruntime.get_available_providers())
    providers = [x for x in wanted if x in providers]
    try:
        return onnxruntime.InferenceSession(
            model, options, providers=providers
        )
    except Exception as error:  # onnxruntime has a class for each failure
        if isinstance(model, str):
            check_file(model)
        reason = str(error).strip().splitlines()[0][:200]
        raise ValueError(
            f'{name}: onnxruntime cannot open this file as ONNX ({reason}).'
        ) from error


def run_session(
    session: InferenceSession, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the outputs by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))
