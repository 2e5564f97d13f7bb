from __future__ import annotations

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

# Keys of TeacherStudent, then those of a plain classifier or FrameRecognizer.
_PREFIXES = ('student.backbone.', 'backbone.')


def load_student_backbone(backbone: nn.Module, path: str) -> None:
    """Load the student's backbone from a checkpoint of the spatial phase.

    Args:
        backbone: Network to fill.
        path: Checkpoint file of ``TeacherStudent`` or of a classifier.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The checkpoint is of another model or architecture; the
            message names the first keys that do not match.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, 'cpu')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such student checkpoint. Train the spatial phase '
            'first; to apply a trained FrameRecognizer, which carries its '
            'student, set model.student_checkpoint=None.'
        ) from None
    weights = checkpoint.get('state_dict', checkpoint)
    for prefix in _PREFIXES:
        found = {
            key[len(prefix) :]: value
            for key, value in weights.items()
            if key.startswith(prefix)
        }
        if found:
            break
    else:
        raise ValueError(
            f'{path}: no keys {" or ".join(p + "*" for p in _PREFIXES)}; the '
            f'first keys are {", ".join(list(weights)[:3])}.'
        )
    _check_architecture(backbone.state_dict(), found, path)
    backbone.load_state_dict(found)


def _check_architecture(
    own: dict[str, torch.Tensor], found: dict[str, torch.Tensor], path: str
) -> None:
    shared = own.keys() & found.keys()
    faults = {
        'missing': [key for key in own if key not in found],
        'unexpected': [key for key in found if key not in own],
        'of another shape': [
            f'{key} {tuple(found[key].shape)} for {tuple(own[key].shape)}'
            for key in own
            if key in shared and own[key].shape != found[key].shape
        ],
    }
    parts = [
        f'{len(keys)} {what} (first {", ".join(keys[:3])})'
        for what, keys in faults.items()
        if keys
    ]
    if parts:
        raise ValueError(
            f'{path}: the student has another architecture than '
            f'model.backbone: keys {"; ".join(parts)}.'
        )
