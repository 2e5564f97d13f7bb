from .calibration_hook import CalibrationHook
from .class_prior_hook import ClassPriorHook
from .cpu_time_hook import CpuTimeHook
from .feedback_loss_hook import FeedbackLossHook
from .pseudo_label_collapse_hook import PseudoLabelCollapseHook
from .report_hook import ReportHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .settings_check_hook import SettingsCheckHook

__all__ = [
    'CalibrationHook',
    'ClassPriorHook',
    'FeedbackLossHook',
    'CpuTimeHook',
    'PseudoLabelCollapseHook',
    'ReportHook',
    'SafeCheckpointHook',
    'SettingsCheckHook',
]
