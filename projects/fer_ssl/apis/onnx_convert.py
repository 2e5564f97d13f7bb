from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from onnx import ModelProto

#: Version of the operators; onnxruntime 1.14 (2023) and later run it.
OPSET = 18
# Names of the first axes of an input. An axis must not have size 1 in the
# example: the exporter would take it for constant.
_AXES = dict(faces=('N',), features=('N', 'T'), valid=('N', 'T'))
_EXAMPLE = dict(N=2, T=7)


def to_onnx(
    graph: nn.Module, inputs: dict[str, np.ndarray], outputs: list[str]
) -> ModelProto:
    """Convert a network, with a dynamic number of faces, clips and frames.

    Args:
        graph: Network in eval mode.
        inputs: Inputs of any size, by the names of the arguments: ``faces``,
            ``features`` and ``valid``.
        outputs: Names of the outputs.

    Raises:
        ValueError: PyTorch cannot export the network.
    """
    example, shapes = {}, {}
    axes = {name: torch.export.Dim(name) for name in _EXAMPLE}
    for name, value in inputs.items():
        dynamic = _AXES[name]
        size = [_EXAMPLE[axis] for axis in dynamic]
        size += value.shape[len(dynamic) :]
        dtype = torch.from_numpy(value[:0]).dtype
        example[name] = torch.ones(size, dtype=dtype)
        shapes[name] = {i: axes[axis] for i, axis in enumerate(dynamic)}
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            program = torch.onnx.export(
                graph.eval(),
                tuple(example.values()),
                input_names=list(inputs),
                output_names=outputs,
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise ValueError(
                'PyTorch cannot export this network to ONNX '
                f'({type(error.__cause__ or error).__name__}: {reason[:200]}).'
            ) from error
    return program.model_proto


def finish(model: ModelProto, kind: str, metadata: dict[str, Any]) -> bytes:
    """Return the content of a file.

    Args:
        model: The network.
        kind: Value of the entry ``fer_ssl``.
        metadata: Further entries, written as JSON.
    """
    import onnx

    # The exporter leaves the paths and lines of the code of every operator.
    for item in (
        model.graph,
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.value_info,
    ):
        item.ClearField('metadata_props')
        item.ClearField('doc_string')
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    onnx.helper.set_model_props(model, dict(texts, fer_ssl=kind))
    return model.SerializeToString()
