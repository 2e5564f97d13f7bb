from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from ..models.bfloat16_autocast import bfloat16_autocast


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16, also on the CPU.

    ``AmpOptimWrapper`` cannot be built without an accelerator. bfloat16 has
    the range of float32, so it needs no loss scaling, and no step is skipped.
    On a CPU without bfloat16, float32 is used (:func:`bfloat16_autocast`).
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast on the device of the weights."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), bfloat16_autocast(device):
            yield
