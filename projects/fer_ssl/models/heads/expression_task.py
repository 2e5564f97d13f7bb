from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.registry import MODELS as ACTION_MODELS
from mmengine.registry import MODELS

from ...labels import IGNORE_LABEL
from .frame_task import FrameTask


@MODELS.register_module()
class ExpressionTask(FrameTask):
    """One of C classes per frame; scores are probabilities.

    Args:
        num_outputs: Number C of classes.
        loss_cls: Loss of (n, C) logits and (n,) labels. Class weights belong
            here: ``dict(type='CrossEntropyLoss', class_weight=[...])``.
        label_smoothing: Of the cross entropy; other losses take none.
        class_counts: Frames of each class in the training set, (C,). The
            loss then sees logits + log prior (logit adjustment,
            arXiv:2007.07314, Eq. 10): what is learned, and scored, is as if
            all classes were equally frequent, which macro-F1 rewards. Not
            together with class weights, which do the same a second time.
        loss_weight: Factor of the loss.
    """

    def __init__(
        self,
        num_outputs: int = 8,
        loss_cls: dict | None = None,
        label_smoothing: float = 0.0,
        class_counts: Sequence[int] | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_outputs, loss_weight)
        # As in mmaction2's heads, whose losses need no scope.
        self.loss_cls = ACTION_MODELS.build(
            loss_cls or dict(type='CrossEntropyLoss')
        )
        self.loss_args = {}
        if label_smoothing:
            self.loss_args['label_smoothing'] = label_smoothing
        self.log_prior = 0.0
        if class_counts is not None:
            counts = torch.tensor(class_counts, dtype=torch.float32)
            if len(counts) != num_outputs or not (counts > 0).all():
                raise ValueError(
                    f'class_counts={list(class_counts)} must be '
                    f'{num_outputs} numbers above zero. A class that the '
                    'training set does not have cannot be learned: give it '
                    'the count 1.'
                )
            del self.log_prior
            log_prior = (counts / counts.sum()).log()
            # Of the config, not of the checkpoint.
            self.register_buffer('log_prior', log_prior, persistent=False)

    def annotated(self, labels: torch.Tensor) -> torch.Tensor:
        return labels != IGNORE_LABEL

    def loss_of_known(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        adjusted = logits[known] + self.log_prior
        return self.loss_cls(adjusted, labels[known], **self.loss_args)

    def predict(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.float().softmax(dim=-1)
