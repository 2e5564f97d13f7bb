from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from ..utils.files import whole_file
from ..utils.safetensors_file import write_safetensors
from ..utils.saved_config import dump_literals, parse_saved_config

#: What is needed to build the network and to name its outputs.
KEPT_META = ('cfg', 'dataset_meta')
_REMEDY = (
    'A published checkpoint contains no code: train with a config whose '
    'modules all come from fer_ssl and the OpenMMLab packages.'
)


def publish_checkpoint(source: str, target: str, half: bool = False) -> None:
    """Write a checkpoint that contains only what inference needs.

    It keeps the weights (the averaged ones, if the training had ``EMAHook``),
    the text of the config and the metainfo of the data, such as the classes.
    Optimizers, logs and the other set of weights are dropped.

    Args:
        source: Checkpoint of a training.
        target: File to write; missing folders are created. A name that ends
            in ``.safetensors`` chooses that format.
        half: Store the weights as float16, which halves the file. Loading
            converts them to the float32 of the network.

    Raises:
        FileNotFoundError: If there is no ``source``.
        ValueError: If it has no weights or no config, or a weight is too large
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
            f'{source}: no {", ".join(missing) or "weights"} in it. Give a '
            'checkpoint written by a training with fer_ssl or MMEngine.'
        )
    weights = checkpoint['state_dict']
    strange = [k for k, v in weights.items() if not isinstance(v, Tensor)]
    if strange:
        raise ValueError(
            f'{source}: {strange[0]} in its weights is not a tensor.'
        )
    # Regenerated from its values, so no other text of the config is kept.
    kept = dict(
        cfg=dump_literals(parse_saved_config(meta['cfg'], source, _REMEDY)),
        dataset_meta=plain_values(meta['dataset_meta'], source),
    )
    if half:
        weights = {
            key: _to_half(key, value, source) for key, value in weights.items()
        }
    write_checkpoint(kept, weights, target)


def write_checkpoint(
    meta: dict, weights: Mapping[str, Tensor], target: str
) -> None:
    """Write a checkpoint for inference.

    Args:
        meta: Entries of :data:`KEPT_META`.
        weights: Weights of the network.
        target: File to write; missing folders are created.
    """
    if target.endswith('.safetensors'):
        write_safetensors(target, weights, **meta)
        return
    buffer = io.BytesIO()  # torch.save does not report a full disk
    torch.save(dict(meta=meta, state_dict=dict(weights)), buffer)
    with whole_file(target, 'wb') as file:
        file.write(buffer.getbuffer())


def plain_values(value: Any, source: str) -> Any:
    """Return text, numbers and containers of these; refuse anything else."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(k): plain_values(v, source) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain_values(v, source) for v in value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(
        f'{source}: dataset_meta holds {type(value).__name__}, which is not '
        'published: keep only text and numbers in the metainfo of the data '
        'set.'
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
