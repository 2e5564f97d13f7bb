"""Building of the network of a checkpoint, to predict faces with it."""

from __future__ import annotations

import textwrap

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from ..launch import find_config
from ..models.frame_recognizer import FrameRecognizer
from ..models.teacher_student import TeacherStudent
from .face_networks import FaceNetwork, FrameByFrame, WindowByWindow


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


def load_config(model: Config | dict | str) -> Config:
    """Load a config by its path or name, or copy a given one."""
    if isinstance(model, str):
        return Config.fromfile(find_config(model))
    return Config(dict(model)) if isinstance(model, dict) else model.copy()


def build_model(cfg: Config, checkpoint: dict, path: str) -> nn.Module:
    """Build a model with the weights of a checkpoint, in eval mode.

    Args:
        cfg: Config of the model.
        checkpoint: Content of the checkpoint.
        path: Its path, for messages.

    Raises:
        ValueError: The weights do not fit the model. MMEngine would go on
            with random ones.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpretrain')
    if cfg.model.get('student_checkpoint') is not None:
        cfg.model.student_checkpoint = None  # already in the checkpoint
    model = MODELS.build(cfg.model)
    try:
        model.load_state_dict(checkpoint.get('state_dict', checkpoint))
    except RuntimeError as error:
        lines = [x for x in str(error).splitlines()[1:] if x.strip()]
        details = [textwrap.shorten(x, 200) for x in lines[:6]]
        raise ValueError(
            f'{path}: the architecture differs from the model of the '
            'config:\n  ' + '\n  '.join(details)
        ) from None
    return model.eval()


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
    cfg: Config, checkpoint: dict, num_classes: int, path: str
) -> tuple[str, ...]:
    """Return the class names of the config, or else of the checkpoint.

    Args:
        cfg: Config of the network.
        checkpoint: Content of the checkpoint.
        num_classes: Number of classes that the network predicts.
        path: Path of the checkpoint, for messages.

    Raises:
        ValueError: There are none, or another number.
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
    if len(classes) != num_classes:
        raise ValueError(
            f'{path}: the network predicts {num_classes} classes, but the '
            f'config names {len(classes)}: {", ".join(classes)}.'
        )
    return tuple(classes)
