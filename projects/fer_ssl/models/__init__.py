from . import feedback  # noqa: F401
from .frame_data_preprocessor import FrameDataPreprocessor
from .frame_recognizer import FrameRecognizer
from .heads import TemporalFrameHead
from .teacher_student import TeacherStudent
from .temporal import StreamFusionEncoder, TransformerEncoder

__all__ = [
    'FrameDataPreprocessor',
    'FrameRecognizer',
    'StreamFusionEncoder',
    'TeacherStudent',
    'TemporalFrameHead',
    'TransformerEncoder',
]
