from __future__ import annotations

import torch
from mmengine.registry import MODELS
from mmpretrain.models.heads import LinearClsHead
from torch import Tensor


@MODELS.register_module()
class PriorLinearHead(LinearClsHead):
    """Linear classifier whose predictions account for the class prior.

    A network that is trained on class-balanced faces predicts as if all
    expressions were equally frequent. Where they are not, Bayes' rule gives
    the probabilities softmax(z + log pi) for the logits z and the class prior
    pi. The prior is uniform until :class:`ClassPriorHook` estimates it; it is
    saved with the weights. A sample gets:

    - ``pred_score`` and ``pred_label`` with the prior;
    - ``balanced_pred_score``, softmax(z), for balanced classes. With
      ``network='balanced'`` a metric scores it.

    The logits of ``mode='tensor'`` are those of balanced classes.

    Args:
        num_classes: Number C of classes.
        in_channels: Number of features.
        kwargs: Options of mmpretrain's ``LinearClsHead``.
    """

    log_prior: Tensor

    def __init__(self, num_classes: int, in_channels: int, **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.register_buffer('log_prior', torch.zeros(num_classes))

    def predict(self, feats: tuple[Tensor, ...], data_samples=None) -> list:
        """Return data samples with predictions of the features (N, D)."""
        logits = self(feats).float()
        samples = self._get_predictions(logits + self.log_prior, data_samples)
        for sample, score in zip(samples, logits.softmax(dim=1)):
            sample.set_field(score, 'balanced_pred_score')
        return samples
