"""Smaller variants of networks in ONNX: float16 and 8-bit integers."""

from __future__ import annotations

import logging
import os.path as osp
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

PRECISIONS = ('fp32', 'fp16', 'int8')
#: Operators with weights, between the first and last of which is the network.
_WITH_WEIGHTS = ('Conv', 'Gemm', 'MatMul')
_QUANTIZED = (
    *_WITH_WEIGHTS,
    'Add',
    'AveragePool',
    'Clip',
    'GlobalAveragePool',
    'MaxPool',
    'Relu',
    # Excluded below, but onnxruntime 1.19 needs the ranges of its outputs.
    'Softmax',
)


def to_half(model: ModelProto) -> ModelProto:
    """Store and compute in float16; inputs and outputs keep their types."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True)


def to_int8(model: ModelProto, faces: Sequence[np.ndarray]) -> ModelProto:
    """Quantize weights and activations to 8-bit integers.

    The ranges of the activations are those on the given faces. The weights
    have one scale per channel, and 7 bits: with 8, processors without VNNI
    instructions would overflow.

    Args:
        model: Network with the one input ``faces``.
        faces: Batches of faces, each uint8 (N, S, S, 3).
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(faces)

        def get_next(self) -> dict | None:
            batch = next(self.batches, None)
            return None if batch is None else dict(faces=batch)

    # Normalization and softmax stay exact.
    nodes = model.graph.node
    kept = [i for i, x in enumerate(nodes) if x.op_type in _WITH_WEIGHTS]
    inside = range(kept[0], kept[-1] + 1)
    exact = [
        x.name
        for i, x in enumerate(nodes)
        if i not in inside or x.op_type == 'Softmax'
    ]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = osp.join(folder, 'int8.onnx')
        quantize_static(
            model,
            path,
            Reader(),
            op_types_to_quantize=list(_QUANTIZED),
            nodes_to_exclude=exact,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the advice to optimize first, which the exporter has done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
