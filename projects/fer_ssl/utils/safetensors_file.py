"""Checkpoints in the safetensors format, which cannot hold code.

The tensors of such a file are the weights. Its metadata, which maps names to
text, holds the config as ``cfg`` and the metainfo of the data as JSON in
``dataset_meta``: what ``meta`` of a checkpoint of MMEngine holds.
"""

from __future__ import annotations

import json
import os
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .data_files import parse_json
from .files import whole_file


def is_safetensors(file: Any) -> bool:
    """Return whether the content of a file begins as safetensors does.

    That is the length of a header, eight bytes, and the header in JSON.
    """
    if not isinstance(file, (str, os.PathLike)):
        return False
    with open(file, 'rb') as opened:
        head = opened.read(9)
    return head[8:] == b'{' and int.from_bytes(head[:8], 'little') < 1 << 30


def read_safetensors(file: str | os.PathLike, map_location: Any) -> dict:
    """Read a checkpoint.

    Args:
        file: Path of the file.
        map_location: Device of the tensors; ``None`` is the CPU.

    Returns:
        ``state_dict``, and ``meta`` with ``cfg`` and ``dataset_meta`` if they
        are in the file.

    Raises:
        ValueError: The file is damaged.
    """
    device = str(map_location or 'cpu')
    try:
        with safe_open(file, framework='pt', device=device) as opened:
            meta = dict(opened.metadata() or {})
            weights = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        if 'dataset_meta' in meta:
            text = meta['dataset_meta']
            meta['dataset_meta'] = parse_json('dataset_meta', text)
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f'{file}: this safetensors file is damaged or incomplete '
            f'({error}). Write it again, or download it again.'
        ) from error
    return dict(meta=meta, state_dict=weights)


def write_safetensors(
    path: str | os.PathLike,
    weights: dict[str, Tensor],
    cfg: str,
    dataset_meta: dict,
) -> None:
    """Write a checkpoint that :func:`read_safetensors` reads back.

    Args:
        path: File to write.
        weights: The weights.
        cfg: Text of the config.
        dataset_meta: Metainfo of the data: text, numbers and containers.
    """
    content = safetensors.torch.save(
        # Copies, since the format has no tensors that share their memory.
        {key: value.contiguous().clone() for key, value in weights.items()},
        dict(format='pt', cfg=cfg, dataset_meta=json.dumps(dataset_meta)),
    )
    with whole_file(path, 'wb') as file:
        file.write(content)
