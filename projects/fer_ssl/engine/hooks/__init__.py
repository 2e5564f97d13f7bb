from .class_prior_hook import ClassPriorHook
from .feedback_loss_hook import FeedbackLossHook
from .processor_time_hook import ProcessorTimeHook
from .pseudo_label_collapse_hook import PseudoLabelCollapseHook
from .report_hook import ReportHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .settings_check_hook import SettingsCheckHook

__all__ = [
    'ClassPriorHook',
    'FeedbackLossHook',
    'ProcessorTimeHook',
    'PseudoLabelCollapseHook',
    'ReportHook',
    'SafeCheckpointHook',
    'SettingsCheckHook',
]
