from .meta_pseudo_label_loop import MetaPseudoLabelLoop
from .resumable_epoch_loop import ResumableEpochLoop
from .resumable_train_loop import ResumableTrainLoop
from .semi_supervised_loop import SemiSupervisedLoop

__all__ = [
    'MetaPseudoLabelLoop',
    'ResumableEpochLoop',
    'ResumableTrainLoop',
    'SemiSupervisedLoop',
]
