"""Semi-supervised facial expression recognition for OpenMMLab.

Put ``custom_imports = dict(imports=['fer_ssl'])`` into a config and every
component of this package can be named in it without a prefix, whatever its
``default_scope``.

Importing the package is cheap: each repair of an upstream package waits until
the module that it repairs is imported, and the components are imported at the
first lookup in a registry.
"""

import sys

from mmengine import registry

from . import compat
from .missing_mmcv import MissingMMCV
from .version import __version__

__all__ = ['__version__']

compat.apply_repairs()
# Last, so that it is asked only after no other finder has found mmcv.
sys.meta_path.append(MissingMMCV())

# Modules that hold the components of each root registry. A child registry
# (such as scope mmpretrain) falls back to its root registry when it does
# not have a name itself.
for _location, _names in {
    'fer_ssl.face_detection': ('TASK_UTILS',),
    'fer_ssl.models': ('MODELS', 'TASK_UTILS'),
    'fer_ssl.datasets': (
        'DATASETS',
        'DATA_SAMPLERS',
        'TASK_UTILS',
        'TRANSFORMS',
    ),
    'fer_ssl.engine': (
        'HOOKS',
        'LOOPS',
        'OPTIM_WRAPPERS',
        'OPTIM_WRAPPER_CONSTRUCTORS',
    ),
    'fer_ssl.evaluation': ('EVALUATOR', 'METRICS', 'TASK_UTILS'),
}.items():
    for _name in _names:
        compat.add_location(getattr(registry, _name), _location)
