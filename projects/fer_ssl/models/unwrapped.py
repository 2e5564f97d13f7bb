from __future__ import annotations

from mmengine.model import is_model_wrapper
from torch import nn


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside its DDP wrapper, if it has one."""
    return network.module if is_model_wrapper(network) else network
