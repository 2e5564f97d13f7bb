from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor, stack_batch
from mmengine.registry import MODELS


@MODELS.register_module()
class FrameDataPreprocessor(BaseDataPreprocessor):
    """Normalizes frames, or passes cached features on, on the device.

    Frames (3, H, W) or clips (T, 3, H, W), uint8, become (x - mean) / std, as
    in the student's training. Features (T, D) become float32. Thus one model
    config serves both.

    Args:
        mean: Mean of each channel, in the order after ``to_rgb``.
        std: Standard deviation of each channel.
        to_rgb: Whether the frames are BGR and the student expects RGB.
    """

    def __init__(
        self,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        to_rgb: bool = False,
    ) -> None:
        super().__init__()
        self.to_rgb = to_rgb
        for name, values in (('mean', mean), ('std', std)):
            values = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            # Not persistent: it comes from the config, not from the
            # checkpoint.
            self.register_buffer(name, values, persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Move a batch to the device and normalize it.

        Args:
            data: ``inputs``, N frames, clips or features, and
                ``data_samples``, N samples or None.
            training: Part of MMEngine's signature; the mode does not matter.

        Returns:
            The same with ``inputs`` as one tensor (N, ...), float32.
        """
        data = self.cast_data(data)
        if data['inputs'][0].dim() == 2:
            inputs = torch.stack(data['inputs']).float()
        else:
            inputs = stack_batch(data['inputs'])
            if self.to_rgb:
                inputs = inputs.flip(-3)
            inputs = (inputs - self.mean) / self.std
        return dict(data, inputs=inputs)
