from __future__ import annotations

import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from ..evaluation.calibration import saved_calibration
from ..models.frame_recognizer import FrameRecognizer
from ..utils.files import (
    file_sha256,
    make_folder,
    whole_path,
    write_json,
    write_text,
)
from .default_checkpoint import HUB_WEIGHTS, find_checkpoint
from .export_onnx import export_onnx
from .face_input import FaceInput
from .load_network import LoadedNetwork, class_names, load_network
from .onnx_file import export_problem
from .publish_checkpoint import publish_checkpoint
from .task_values import head_of, value_names

#: Stands where nobody has said what is true.
UNKNOWN = 'unknown'


def write_hub_folder(
    checkpoint: str, folder: str, license: str = UNKNOWN, half: bool = False
) -> list[str]:
    """Write a network as a folder in the form of a model hub.

    ``model.safetensors`` has the weights, with config and classes inside;
    ``config.json`` the names of the classes and the preparation of a face;
    ``model.onnx`` the network for other programs, if :func:`export_onnx` works
    here; ``README.md`` is the model card, whose front matter hubs read.
    What a checkpoint does not tell is marked as unknown in the card.

    Args:
        checkpoint: Checkpoint of a training, or a published one.
        folder: Folder to write; its other files are kept.
        license: Name of the license as hubs spell it, such as
            ``'apache-2.0'``.
        half: Store the weights as float16.

    Returns:
        The written files.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If it does not predict classes, or cannot be published.
    """
    source = find_checkpoint(checkpoint)
    make_folder(folder)
    # Everything is complete before a file of the folder is replaced.
    with tempfile.TemporaryDirectory() as made:
        weights = str(Path(made, HUB_WEIGHTS))
        publish_checkpoint(source, weights, half)
        loaded = load_network(weights)
        config = _config(loaded, source)
        if export_problem() is None:
            export_onnx(weights, str(Path(made, 'model.onnx')))
        write_json(Path(made, 'config.json'), config)
        names = sorted(x.name for x in Path(made).iterdir())
        card = _card(Path(folder).resolve().name, license, config, names)
        write_text(Path(made, 'README.md'), card)
        written = []
        for file in sorted(Path(made).iterdir()):
            target = Path(folder, file.name)
            with whole_path(target) as part:
                shutil.copyfile(file, part)
            written.append(str(target))
    return written


def _config(loaded: LoadedNetwork, source: str) -> dict:
    """Return the content of ``config.json``."""
    classes = class_names(loaded.cfg, loaded.checkpoint, loaded.model)
    with loaded.building():
        face_input = FaceInput.from_config(loaded.cfg)
    normalization = loaded.model.data_preprocessor
    numbers = {
        # 7 digits, since 123.675 is 123.67500305 in float32.
        name: [float(f'{float(x):.7g}') for x in getattr(normalization, name)]
        for name in ('mean', 'std')
        if hasattr(normalization, name)
    }
    crop = face_input.face_crop
    return dict(
        library_name='fer_ssl',
        architectures=[type(loaded.model).__name__],
        task='video' if isinstance(loaded.model, FrameRecognizer) else 'image',
        num_labels=len(classes),
        id2label={str(i): name for i, name in enumerate(classes)},
        label2id={name: i for i, name in enumerate(classes)},
        values=list(value_names(head_of(loaded.model))),
        preprocessing=dict(
            side=face_input.side,
            steps=list(face_input.steps),
            gray=face_input.gray is not None,
            channels='RGB' if normalization.to_rgb else 'BGR',
            **numbers,
            margin=crop['margin'],
            crop_size=crop['size'],
            detector=crop.get('detector', UNKNOWN),
        ),
        calibrated=saved_calibration(loaded.checkpoint, source) is not None,
        checkpoint_sha256=file_sha256(source),
    )


def _card(name: str, license: str, config: dict, names: list[str]) -> str:
    """Return the text of the model card."""
    template = files(__package__).joinpath('model_card.md.j2')
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(template.read_text('utf-8')).render(
        name=name, license=license, config=config, names=names
    )
