from .meta_pseudo_label_loop import MetaPseudoLabelLoop
from .resumable_train_loop import ResumableTrainLoop

__all__ = ['MetaPseudoLabelLoop', 'ResumableTrainLoop']
