from .hooks import FeedbackLossHook
from .loops import MetaPseudoLabelLoop, ResumableTrainLoop
from .optim_wrapper_constructor import MultiOptimWrapperConstructor

__all__ = [
    'FeedbackLossHook',
    'MetaPseudoLabelLoop',
    'MultiOptimWrapperConstructor',
    'ResumableTrainLoop',
]
