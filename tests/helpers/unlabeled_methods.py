"""Names of all methods that learn from unlabeled faces."""

import inspect

from fer_ssl.models import methods

UNLABELED_METHODS = [
    name
    for name, kind in inspect.getmembers(methods, inspect.isclass)
    if name in methods.__all__
    and issubclass(kind, methods.BaseMethod)
    and not inspect.isabstract(kind)
    and kind.num_weak_views
]
