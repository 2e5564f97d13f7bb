from __future__ import annotations

import os

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

#: What is needed to build the network and to name its outputs.
KEPT_META = ('cfg', 'dataset_meta')


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
    meta = checkpoint.get('meta', {})
    missing = [key for key in KEPT_META if key not in meta]
    if 'state_dict' not in checkpoint or missing:
        raise ValueError(
            f'{source}: no {", ".join(missing) or "weights"} in it: give a '
            'checkpoint that a training of fer_ssl or MMEngine has written.'
        )
    weights = checkpoint['state_dict']
    if half:
        weights = {
            key: _to_half(key, value, source) for key, value in weights.items()
        }
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    kept = {key: meta[key] for key in KEPT_META}
    torch.save(dict(meta=kept, state_dict=dict(weights)), target)


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
