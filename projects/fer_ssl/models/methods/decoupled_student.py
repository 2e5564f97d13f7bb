from __future__ import annotations

from mmengine.registry import TASK_UTILS
from torch import nn

from ..heads.auxiliary_linear_head import AuxiliaryLinearHead, auxiliary_head
from .base_method import MethodBatch
from .simpro import SimPro


@TASK_UTILS.register_module()
class DecoupledStudent(SimPro):
    """Two heads, one for labels and one for pseudo-labels.

    One backbone has two linear classifiers. Head L, the only one that is used
    after the training, learns the balanced labeled faces. It makes the
    pseudo-labels, but does not learn them; head P does. Wrong pseudo-labels
    then reach head L only by way of the features, which both heads train. As
    in :class:`SimPro`, the prior pi of the unlabeled faces is in the label and
    in the loss::

        q = softmax(z_L(weak view) + log pi)
        L = CE(y, z_L(x))
            + weight * mean(1[max q >= threshold]
                            * CE(argmax q, z_P(strong view) + log pi))

    The two heads are those of DST (Chen et al., NeurIPS 2022, arXiv
    2202.07136), without its third, worst-case head and with a linear layer in
    place of its pseudo head of three layers. In ABC (Lee et al., NeurIPS 2021,
    arXiv 2110.10368), too, the classifier that predicts is balanced and
    separate from the one that learns the pseudo-labels, but the former learns
    masked unlabeled faces as well.

    The network of C classes needs
    ``head=dict(type='AuxiliaryLinearHead', num_auxiliary=C)``.

    Args:
        kwargs: Options of :class:`SimPro`.

    Raises:
        ValueError: The network has another head.
    """

    def check_network(self, network: nn.Module) -> None:
        self._head(network)

    def predict_views(self, network, batch: MethodBatch):
        """Return logits of head L, of head L, and of head P."""
        with self._head(network).auxiliary_logits():
            labeled, weak, strong = super().predict_views(network, batch)
        count = self.num_classes
        # Those of a teacher come from head L only and stay as they are.
        return labeled[:, :count], weak[:, :count], strong[:, count:]

    def _head(self, network: nn.Module) -> AuxiliaryLinearHead:
        name = type(self).__name__
        return auxiliary_head(network, self.num_classes, name)
