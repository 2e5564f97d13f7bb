from . import feedback, methods  # noqa: F401
from .batch_view import BatchView
from .frame_data_preprocessor import FrameDataPreprocessor
from .frame_recognizer import FrameRecognizer
from .heads import (
    ActionUnitTask,
    AuxiliaryLinearHead,
    ExpressionTask,
    MultiTaskFrameHead,
    PriorLinearHead,
    TemporalFrameHead,
    ValenceArousalTask,
)
from .losses import ConcordanceLoss
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
    'BatchView',
    'ConcordanceLoss',
    'ExpressionTask',
    'FrameDataPreprocessor',
    'FrameRecognizer',
    'MultiTaskFrameHead',
    'PriorLinearHead',
    'RecurrentEncoder',
    'StreamFusionEncoder',
    'TCNTransformerEncoder',
    'TeacherStudent',
    'TemporalFrameHead',
    'TransformerEncoder',
    'ValenceArousalTask',
]
