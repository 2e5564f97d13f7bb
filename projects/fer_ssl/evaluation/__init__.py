from .action_unit_metric import ActionUnitMetric
from .action_unit_scores import action_unit_counts, action_unit_f1
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
from .regression_scores import concordance, concordance_sums
from .valence_arousal_metric import ValenceArousalMetric
from .video_predictions import VideoPrediction, VideoPredictions

__all__ = [
    'ActionUnitMetric',
    'MacroF1Metric',
    'MajoritySmoothing',
    'PostProcessor',
    'ProbabilitySmoothing',
    'ValenceArousalMetric',
    'VideoPrediction',
    'VideoPredictions',
    'action_unit_counts',
    'action_unit_f1',
    'build_post_processor',
    'class_f1',
    'concordance',
    'concordance_sums',
    'confusion_matrix',
    'macro_f1',
    'scores_from_confusion',
]
