from __future__ import annotations

from functools import cache

import torch
from mmengine.logging import print_log


def bfloat16_autocast(device: str, enabled: bool = True) -> torch.autocast:
    """Autocast to bfloat16 where the hardware has that type.

    A CPU without it would emulate it, and a convolution would take ten times
    as long as in float32. There, float32 stays, and the log says so once.

    Args:
        device: Type of the device, such as 'cpu'.
        enabled: Whether bfloat16 is wanted at all.
    """
    enabled = enabled and (device != 'cpu' or _cpu_has_bfloat16())
    return torch.autocast(device, torch.bfloat16, enabled=enabled)


@cache
def _cpu_has_bfloat16() -> bool:
    # The check of torch.compile. Builds without oneDNN do not have it.
    check = getattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', None)
    supported = check is not None and check()
    if not supported:
        print_log(
            'This CPU would only emulate bfloat16: float32 is used instead, '
            'which is faster here.',
            'current',
        )
    return supported
