from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from ..utils.files import whole_file
from ..utils.saved_config import dump_literals, parse_saved_config

#: What is needed to build the network and to name its outputs.
KEPT_META = ('cfg', 'dataset_meta')
_REMEDY = (
    'What is published carries no code: train with a config whose modules '
    'all come from fer_ssl and the OpenMMLab packages.'
)


def publish_checkpoint(source: str, target: str, half: bool = False) -> None:
    """Write what inference needs of a checkpoint, and nothing else.

    That is the weights (the mean ones, if the training had ``EMAHook``), the
    text of the config and what is known of the data, such as the classes;
    not the optimizers, the logs and the other set of weights.

    Args:
        source: A training's checkpoint.
        target: File to write. Folders are made.
        half: Store the weights as float16, in half of the space. Loading
            turns them into the network's own float32.

    Raises:
        FileNotFoundError: There is no ``source``.
        ValueError: It has no weights or no config, or a weight is too large
            for float16.
    """
    if not os.path.isfile(source):
        raise FileNotFoundError(f'{source}: no such checkpoint.')
    checkpoint = CheckpointLoader.load_checkpoint(source, 'cpu')
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    missing = [key for key in KEPT_META if key not in meta]
    if 'state_dict' not in checkpoint or missing:
        raise ValueError(
            f'{source}: no {", ".join(missing) or "weights"} in it: give a '
            'checkpoint that a training of fer_ssl or MMEngine has written.'
        )
    weights = checkpoint['state_dict']
    strange = [k for k, v in weights.items() if not isinstance(v, Tensor)]
    if strange:
        raise ValueError(
            f'{source}: {strange[0]} in its weights is no tensor.'
        )
    # Written anew from its values: nothing else of the text goes on.
    kept = dict(
        cfg=dump_literals(parse_saved_config(meta['cfg'], source, _REMEDY)),
        dataset_meta=_plain(meta['dataset_meta'], source),
    )
    if half:
        weights = {
            key: _to_half(key, value, source) for key, value in weights.items()
        }
    buffer = io.BytesIO()  # torch does not tell a full disk from other faults
    torch.save(dict(meta=kept, state_dict=dict(weights)), buffer)
    with whole_file(target, 'wb') as file:
        file.write(buffer.getbuffer())


def _plain(value: Any, source: str) -> Any:
    """Text, numbers and containers of these; anything else is refused."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(k): _plain(v, source) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(v, source) for v in value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(
        f'{source}: dataset_meta holds {type(value).__name__}, which is not '
        'passed on: keep text and numbers in the metainfo of the data set.'
    )


def _to_half(key: str, value: Tensor, source: str) -> Tensor:
    if not value.is_floating_point():
        return value
    half = value.half()
    if not half.isfinite().all():
        raise ValueError(
            f'{source}: {key} is not finite, or has numbers beyond float16: '
            'publish without --half.'
        )
    return half
