from __future__ import annotations

from mmengine.registry import TASK_UTILS

from .base_method import BaseMethod, MethodBatch, supervised_result


@TASK_UTILS.register_module()
class Supervised(BaseMethod):
    """Supervised training, the control of every semi-supervised method.

    It has the labeled views of the others, and no unlabeled faces::

        L = CE(y, p(x))

    Args:
        kwargs: Options of :class:`BaseMethod`.
    """

    num_weak_views = 0
    weak_views_only_label = False

    def loss(self, network, batch: MethodBatch, iteration: int):
        return supervised_result(network, batch)
