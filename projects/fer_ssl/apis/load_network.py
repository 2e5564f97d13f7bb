"""Building of a network from a checkpoint, in which nothing is run."""

from __future__ import annotations

import textwrap
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner.checkpoint import _load_checkpoint
from torch import nn

from ..launch import find_config, read_config_file
from ..models.frame_recognizer import FrameRecognizer
from ..models.teacher_student import TeacherStudent
from ..utils.saved_config import components_of_data, saved_config
from .default_checkpoint import find_checkpoint
from .face_networks import FaceNetwork, FrameByFrame, WindowByWindow
from .task_values import head_of, value_names


def check_device(device: str | None) -> None:
    """Raise a ValueError if a device does not exist; ``None`` does."""
    if device is None:
        return
    try:
        torch.empty(0, device=device)
    # A backend that is missing raises an AssertionError.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f'device {device!r} cannot be used: {reason}'
        ) from None


@dataclass
class LoadedNetwork:
    """A network in eval mode on the CPU, and what it was built from.

    Attributes:
        path: File of the weights.
        model: The network.
        cfg: Its config.
        checkpoint: Content of the file, without the weights.
        is_data: Whether the config is that inside the checkpoint.
    """

    path: str
    model: nn.Module
    cfg: Config
    checkpoint: dict
    is_data: bool

    def building(self) -> AbstractContextManager:
        """Context in which parts that the config names may be built."""
        return components_of_data(self.path) if self.is_data else nullcontext()


def load_network(
    weights: str | None = None, model: Config | dict | str | None = None
) -> LoadedNetwork:
    """Load a network with all of its weights.

    Args:
        weights: Checkpoint, or a folder in the form of a model hub. ``None``
            uses the checkpoint of the package.
        model: See :func:`read_checkpoint`.

    Raises:
        FileNotFoundError: If config or checkpoint does not exist.
        ValueError: If they do not match, or the config is refused.
    """
    path = find_checkpoint(weights)
    cfg, checkpoint, building = read_checkpoint(path, model)
    with building:
        network = build_network(cfg, checkpoint, path).eval()
    meta = {'meta': checkpoint.get('meta') or {}}
    return LoadedNetwork(path, network, cfg, meta, model is None)


def read_checkpoint(
    path: str, model: Config | dict | str | None
) -> tuple[Config, dict, AbstractContextManager]:
    """Read a checkpoint, and its config unless one is given.

    Args:
        path: The checkpoint.
        model: Config, its path or its name. ``None`` uses the config inside
            the checkpoint, which must not run code.

    Returns:
        The config, the content of the checkpoint, and the context in which
        parts that the config names may be built.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If one of them cannot be read, or is refused.
    """
    checkpoint = _load_checkpoint(path, map_location='cpu')
    if model is None:
        cfg = saved_config(checkpoint, path)
        return cfg, checkpoint, components_of_data(path)
    if isinstance(model, str):
        cfg = read_config_file(find_config(model))
    else:
        cfg = Config(dict(model)) if isinstance(model, dict) else model.copy()
    return cfg, checkpoint, nullcontext()


def build_network(cfg: Config, checkpoint: dict, path: str) -> nn.Module:
    """Build the network of a config and load all weights.

    Args:
        cfg: The config; its ``student_checkpoint`` is removed, since the
            checkpoint contains the student.
        checkpoint: Content of the checkpoint.
        path: Its path, for messages.

    Raises:
        ValueError: If the weights do not fit; MMEngine would keep random ones.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpretrain')
    if cfg.model.get('student_checkpoint') is not None:
        cfg.model.student_checkpoint = None
    network = MODELS.build(cfg.model)
    try:
        network.load_state_dict(checkpoint.get('state_dict', checkpoint))
    except RuntimeError as error:
        lines = [x for x in str(error).splitlines()[1:] if x.strip()]
        details = [textwrap.shorten(x, 200) for x in lines[:6]]
        raise ValueError(
            f'{path}: the architecture differs from the model of the '
            'config:\n  ' + '\n  '.join(details)
        ) from None
    return network


def face_network(model: nn.Module, cfg: Config) -> FaceNetwork:
    """Wrap a model for the prediction of faces.

    Args:
        model: Model in eval mode, on its device.
        cfg: Its config.

    Raises:
        ValueError: It predicts no expressions of faces.
    """
    if isinstance(model, TeacherStudent):
        return FrameByFrame(model, model.student)
    if not isinstance(model, FrameRecognizer):
        if not hasattr(getattr(model, 'head', None), 'num_classes'):
            raise ValueError(
                f'{type(model).__name__} is neither an image classifier, nor '
                'a TeacherStudent or a FrameRecognizer.'
            )
        return FrameByFrame(model)
    encoder = model.cls_head.temporal_encoder
    if getattr(encoder, 'num_streams', 0):
        raise ValueError(
            'this network reads several streams, such as sound, but only '
            'faces are available here.'
        )
    dataset = cfg.test_dataloader.dataset
    window = dataset.get('window', 64)
    return WindowByWindow(model, window, dataset.get('stride') or window)


def class_names(
    cfg: Config, checkpoint: dict, model: nn.Module
) -> tuple[str, ...]:
    """Return the class names of the config, or else of the checkpoint.

    Of a network of several tasks, they are the expressions among the columns
    that the data set names.

    Raises:
        ValueError: If neither of them names the classes.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    classes = (dataset.get('metainfo') or {}).get('classes')
    if classes is None or isinstance(classes, str):  # a file of names
        meta = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
        classes = meta.get('classes')
    if classes is None:
        raise ValueError(
            'neither the config (test_dataloader.dataset.metainfo.classes) '
            'nor the checkpoint names the classes.'
        )
    others = value_names(head_of(model))
    return tuple(name for name in classes if name not in others)
