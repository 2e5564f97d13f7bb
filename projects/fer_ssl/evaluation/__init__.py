from .functional.action_unit_scores import action_unit_counts, action_unit_f1
from .functional.classification_scores import (
    class_f1,
    confusion_matrix,
    macro_f1,
    scores_from_confusion,
)
from .functional.regression_scores import concordance, concordance_sums
from .image_predictions import ImagePredictions
from .metrics.action_unit_metric import ActionUnitMetric
from .metrics.macro_f1_metric import MacroF1Metric
from .metrics.valence_arousal_metric import ValenceArousalMetric
from .multi_task_evaluator import MultiTaskEvaluator
from .post_processing.action_unit_thresholds import ActionUnitThresholds
from .post_processing.blend import Blend
from .post_processing.class_calibration import ClassCalibration
from .post_processing.confidence_gate import ConfidenceGate
from .post_processing.gaussian_smoothing import GaussianSmoothing
from .post_processing.majority_smoothing import MajoritySmoothing
from .post_processing.median_smoothing import MedianSmoothing
from .post_processing.post_processing_steps import PostProcessingSteps
from .post_processing.post_processor import PostProcessor, build_post_processor
from .post_processing.probability_smoothing import ProbabilitySmoothing
from .post_processing.viterbi_smoothing import ViterbiSmoothing
from .video_predictions import VideoPrediction, VideoPredictions

__all__ = [
    'ActionUnitMetric',
    'ActionUnitThresholds',
    'Blend',
    'ClassCalibration',
    'ConfidenceGate',
    'GaussianSmoothing',
    'ImagePredictions',
    'MacroF1Metric',
    'MajoritySmoothing',
    'MedianSmoothing',
    'MultiTaskEvaluator',
    'PostProcessingSteps',
    'PostProcessor',
    'ProbabilitySmoothing',
    'ValenceArousalMetric',
    'VideoPrediction',
    'VideoPredictions',
    'ViterbiSmoothing',
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
