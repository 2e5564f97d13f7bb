from .action_unit_task import ActionUnitTask
from .auxiliary_linear_head import AuxiliaryLinearHead
from .expression_task import ExpressionTask
from .multi_task_frame_head import MultiTaskFrameHead
from .multi_task_image_head import MultiTaskImageHead
from .prior_linear_head import PriorLinearHead
from .temporal_frame_head import TemporalFrameHead
from .valence_arousal_task import ValenceArousalTask

__all__ = [
    'ActionUnitTask',
    'AuxiliaryLinearHead',
    'ExpressionTask',
    'MultiTaskFrameHead',
    'MultiTaskImageHead',
    'PriorLinearHead',
    'TemporalFrameHead',
    'ValenceArousalTask',
]
