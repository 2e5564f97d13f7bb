from .bfloat16_optim_wrapper import Bfloat16OptimWrapper
from .hooks import (
    CalibrationHook,
    ClassPriorHook,
    CpuTimeHook,
    FeedbackLossHook,
    PseudoLabelCollapseHook,
    ReportHook,
    SafeCheckpointHook,
    SettingsCheckHook,
)
from .loops import (
    MetaPseudoLabelLoop,
    ResumableEpochLoop,
    ResumableTrainLoop,
    SemiSupervisedLoop,
)
from .multi_optim_wrapper_constructor import MultiOptimWrapperConstructor

__all__ = [
    'Bfloat16OptimWrapper',
    'CalibrationHook',
    'ClassPriorHook',
    'FeedbackLossHook',
    'MetaPseudoLabelLoop',
    'MultiOptimWrapperConstructor',
    'CpuTimeHook',
    'PseudoLabelCollapseHook',
    'ReportHook',
    'ResumableEpochLoop',
    'ResumableTrainLoop',
    'SafeCheckpointHook',
    'SemiSupervisedLoop',
    'SettingsCheckHook',
]
