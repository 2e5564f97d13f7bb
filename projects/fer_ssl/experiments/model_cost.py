"""Cost of a model: number of weights, and operations of a prediction."""

from __future__ import annotations

import math

import torch
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config
from mmengine.registry import (
    DATASETS,
    FUNCTIONS,
    MODELS,
    init_default_scope,
)
from torch import Tensor, nn

from ..models.frame_recognizer import FrameRecognizer
from ..utils.config_types import class_of


class _Prediction(nn.Module):
    """Maps the inputs of a model to its scores, without data samples."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        if isinstance(self.model, FrameRecognizer):
            return self.model.extract_feat(inputs, stage='head')[0]
        return self.model(inputs, mode='tensor')


def model_cost(config: Config) -> dict:
    """Compute the size of a model and the cost of one prediction.

    Args:
        config: Config whose files exist: an item of the validation data, or
            else of the training data, gives the shape of the inputs.

    Returns:
        ``parameters``, ``trained`` (of these), ``shape`` of the input, such
        as 1 x 3 x 224 x 224, one face, or 1 x 64 x 2048, a clip of cached
        features, and ``multiply_adds`` for it. Element-wise operations are
        not counted.
    """
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    loader = config.get('val_dataloader') or config.train_dataloader
    item = DATASETS.build(loader.dataset)[0]
    model = MODELS.build(config.model).eval()
    collate = loader.get('collate_fn', dict(type='pseudo_collate'))
    batch = class_of(collate, FUNCTIONS)([item])
    inputs = model.data_preprocessor(batch)['inputs']
    if isinstance(inputs, (list, tuple)):  # several views
        inputs = inputs[0]
    return dict(
        parameters=sum(x.numel() for x in model.parameters()),
        trained=sum(x.numel() for x in model.parameters() if x.requires_grad),
        shape=' x '.join(map(str, inputs.shape)),
        multiply_adds=multiply_adds(_Prediction(model), inputs),
    )


def multiply_adds(model: nn.Module, inputs: Tensor) -> int:
    """Count the multiply-adds of one forward pass.

    Adds to MMEngine's analysis what that leaves out: the products of
    attention and the recurrent layers.
    """
    recurrent = 0

    def count(module: nn.RNNBase, args: tuple, output) -> None:
        nonlocal recurrent
        # Each weight matrix is used once per time step of each sequence.
        weights = sum(x.numel() for x in module.parameters() if x.dim() == 2)
        data = args[0].data if hasattr(args[0], 'batch_sizes') else args[0]
        recurrent += weights * data.numel() // data.shape[-1]

    hooks = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, nn.RNNBase)
    ]
    with torch.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    analyzer = FlopAnalyzer(model, inputs)
    analyzer.unsupported_ops_warnings(False)
    analyzer.uncalled_modules_warnings(False)
    analyzer.set_op_handle('aten::scaled_dot_product_attention', _attention)
    return int(analyzer.total()) + recurrent


def _attention(inputs: list, outputs: list) -> int:
    """Count the multiply-adds of both matrix products of an attention."""
    query, key = (x.type().sizes() for x in inputs[:2])
    return 2 * math.prod(query) * key[-2]
