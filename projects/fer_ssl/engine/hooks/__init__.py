from .feedback_loss_hook import FeedbackLossHook
from .pseudo_label_collapse_hook import PseudoLabelCollapseHook
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = [
    'FeedbackLossHook',
    'PseudoLabelCollapseHook',
    'SafeCheckpointHook',
]
