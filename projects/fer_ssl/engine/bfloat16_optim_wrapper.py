from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16, also on the CPU.

    ``AmpOptimWrapper`` cannot be built without an accelerator. bfloat16 has
    the range of float32, so it needs no loss scaling, and no step is skipped.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast on the device of the weights."""
        device = next(model.parameters()).device.type
        autocast = torch.autocast(device, torch.bfloat16)
        with super().optim_context(model), autocast:
            yield
