from .classification_scores import (
    class_f1,
    confusion_matrix,
    macro_f1,
    scores_from_confusion,
)
from .macro_f1_metric import MacroF1Metric
from .majority_smoothing import MajoritySmoothing
from .post_processor import PostProcessor, build_post_processor
from .probability_smoothing import ProbabilitySmoothing
from .video_predictions import VideoPrediction, VideoPredictions

__all__ = [
    'MacroF1Metric',
    'MajoritySmoothing',
    'PostProcessor',
    'ProbabilitySmoothing',
    'VideoPrediction',
    'VideoPredictions',
    'build_post_processor',
    'class_f1',
    'confusion_matrix',
    'macro_f1',
    'scores_from_confusion',
]
