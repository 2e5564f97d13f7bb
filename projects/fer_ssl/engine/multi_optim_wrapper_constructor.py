from __future__ import annotations

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MultiOptimWrapperConstructor:
    """Build one optimizer wrapper for each named part of the model.

    Example:
        >>> optim_wrapper = dict(
        ...     constructor='MultiOptimWrapperConstructor',
        ...     teacher=dict(optimizer=dict(type='SGD', lr=1e-2)),
        ...     student=dict(optimizer=dict(type='SGD', lr=1e-3)),
        ... )
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg=None) -> None:
        if paramwise_cfg is not None:
            raise ValueError(
                'Set `paramwise_cfg` inside the wrapper of each part, not '
                'next to the parts.'
            )
        self.optim_wrapper_cfg = optim_wrapper_cfg

    def __call__(self, model) -> OptimWrapperDict:
        if is_model_wrapper(model):
            model = model.module
        return OptimWrapperDict(
            **{
                name: build_optim_wrapper(getattr(model, name), cfg)
                for name, cfg in self.optim_wrapper_cfg.items()
            }
        )
