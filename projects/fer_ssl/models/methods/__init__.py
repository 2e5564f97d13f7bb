from .ada_cm import AdaCM
from .adamatch import AdaMatch
from .base_method import BaseMethod, MethodBatch, MethodResult
from .dash import Dash
from .debias_pl import DebiasPL
from .decoupled_student import DecoupledStudent
from .defixmatch import DeFixMatch
from .fixmatch import FixMatch
from .flexmatch import FlexMatch
from .freematch import FreeMatch
from .mean_teacher import MeanTeacher
from .negative_learning import NegativeLearning
from .pseudo_label import PseudoLabel
from .remixmatch import ReMixMatch
from .simpro import SimPro
from .softmatch import SoftMatch
from .supervised import Supervised
from .uda import UDA

__all__ = [
    'UDA',
    'AdaCM',
    'AdaMatch',
    'BaseMethod',
    'Dash',
    'DeFixMatch',
    'DebiasPL',
    'DecoupledStudent',
    'FixMatch',
    'FlexMatch',
    'FreeMatch',
    'MeanTeacher',
    'MethodBatch',
    'MethodResult',
    'NegativeLearning',
    'PseudoLabel',
    'ReMixMatch',
    'SimPro',
    'SoftMatch',
    'Supervised',
]
