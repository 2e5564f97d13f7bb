from .ada_cm import AdaCM
from .adamatch import AdaMatch
from .base_method import BaseMethod, MethodBatch, MethodResult
from .dash import Dash
from .debias_pl import DebiasPL
from .defixmatch import DeFixMatch
from .fixmatch import FixMatch
from .flexmatch import FlexMatch
from .freematch import FreeMatch
from .mean_teacher import MeanTeacher
from .pseudo_label import PseudoLabel
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
    'FixMatch',
    'FlexMatch',
    'FreeMatch',
    'MeanTeacher',
    'MethodBatch',
    'MethodResult',
    'PseudoLabel',
    'SimPro',
    'SoftMatch',
    'Supervised',
]
