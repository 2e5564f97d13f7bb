from __future__ import annotations

import torch
from mmaction.models.data_preprocessors import ActionDataPreprocessor
from mmengine.registry import MODELS


@MODELS.register_module()
class FrameDataPreprocessor(ActionDataPreprocessor):
    """Normalizes frames, or passes cached features on, on the device.

    Frames (3, H, W) or clips (T, 3, H, W), uint8, become (x - mean) / std, as
    in the student's training. Features (T, D) become float32. Thus one model
    config serves both.
    """

    def preprocess(
        self, inputs: list[torch.Tensor], data_samples, training: bool = False
    ) -> tuple:
        if inputs[0].dim() == 2:
            return torch.stack(inputs).float(), data_samples
        return super().preprocess(inputs, data_samples, training)
