from .hooks import (
    FeedbackLossHook,
    PseudoLabelCollapseHook,
    SafeCheckpointHook,
)
from .loops import (
    MetaPseudoLabelLoop,
    ResumableTrainLoop,
    SemiSupervisedLoop,
)
from .optim_wrapper_constructor import MultiOptimWrapperConstructor

__all__ = [
    'FeedbackLossHook',
    'MetaPseudoLabelLoop',
    'MultiOptimWrapperConstructor',
    'PseudoLabelCollapseHook',
    'ResumableTrainLoop',
    'SafeCheckpointHook',
    'SemiSupervisedLoop',
]
