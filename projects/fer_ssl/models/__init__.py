from . import feedback, methods  # noqa: F401
from .average_scores_tta import AverageScoresTTA
from .batch_view import BatchView
from .batch_view_data_preprocessor import BatchViewDataPreprocessor
from .frame_data_preprocessor import FrameDataPreprocessor
from .frame_recognizer import FrameRecognizer
from .heads import (
    ActionUnitTask,
    AuxiliaryLinearHead,
    ExpressionTask,
    MultiTaskFrameHead,
    MultiTaskImageHead,
    PriorLinearHead,
    TemporalFrameHead,
    ValenceArousalTask,
)
from .losses import ConcordanceLoss
from .masked_reconstruction import MaskedReconstruction
from .teacher_student import TeacherStudent
from .temporal import (
    TCN,
    RecurrentEncoder,
    StreamFusionEncoder,
    TCNTransformerEncoder,
    TransformerEncoder,
)

__all__ = [
    'TCN',
    'ActionUnitTask',
    'AuxiliaryLinearHead',
    'AverageScoresTTA',
    'BatchView',
    'BatchViewDataPreprocessor',
    'ConcordanceLoss',
    'ExpressionTask',
    'FrameDataPreprocessor',
    'FrameRecognizer',
    'MaskedReconstruction',
    'MultiTaskFrameHead',
    'MultiTaskImageHead',
    'PriorLinearHead',
    'RecurrentEncoder',
    'StreamFusionEncoder',
    'TCNTransformerEncoder',
    'TeacherStudent',
    'TemporalFrameHead',
    'TransformerEncoder',
    'ValenceArousalTask',
]
