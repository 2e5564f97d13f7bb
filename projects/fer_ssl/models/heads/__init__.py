from .action_unit_task import ActionUnitTask
from .decoupled_linear_head import DecoupledLinearHead
from .expression_task import ExpressionTask
from .multi_task_frame_head import MultiTaskFrameHead
from .prior_linear_head import PriorLinearHead
from .rotation_linear_head import RotationLinearHead
from .temporal_frame_head import TemporalFrameHead
from .valence_arousal_task import ValenceArousalTask

__all__ = [
    'ActionUnitTask',
    'DecoupledLinearHead',
    'ExpressionTask',
    'MultiTaskFrameHead',
    'PriorLinearHead',
    'RotationLinearHead',
    'TemporalFrameHead',
    'ValenceArousalTask',
]
