from .ada_cm import AdaCM
from .base_method import BaseMethod, MethodBatch, MethodResult
from .dash import Dash
from .decoupled_student import DecoupledStudent
from .fixmatch import FixMatch
from .flexmatch import FlexMatch
from .negative_learning import NegativeLearning
from .pseudo_label import PseudoLabel
from .remixmatch import ReMixMatch
from .simpro import SimPro
from .supervised import Supervised
from .uda import UDA

__all__ = [
    'UDA',
    'AdaCM',
    'BaseMethod',
    'Dash',
    'DecoupledStudent',
    'FixMatch',
    'FlexMatch',
    'MethodBatch',
    'MethodResult',
    'NegativeLearning',
    'PseudoLabel',
    'ReMixMatch',
    'SimPro',
    'Supervised',
]
