from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import nn

from ...labels import IGNORE_LABEL
from ..losses.frame_cross_entropy import FrameCrossEntropy
from .frame_task import FrameTask


@MODELS.register_module()
class ExpressionTask(FrameTask):
    """Classification of each frame as one of C classes, with probabilities.

    Args:
        num_outputs: Number C of classes.
        loss_cls: Config of the loss, with logits (n, C) and labels (n,) as
            inputs. ``'CrossEntropyLoss'`` is :class:`FrameCrossEntropy` in
            every scope, perhaps with class weights:
            ``dict(type='CrossEntropyLoss', class_weight=[...])``.
        label_smoothing: Label smoothing of the cross-entropy loss. Other
            losses do not support it.
        class_counts: Number of frames of each class in the training set,
            (C,). The loss then sees logits + log prior (logit adjustment,
            arXiv:2007.07314, Eq. 10), and the scores are as if all classes
            were equally frequent, which macro-F1 rewards. Do not combine it
            with class weights, which would balance the classes twice.
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
        options = dict(loss_cls or dict(type='CrossEntropyLoss'))
        if options['type'] == 'CrossEntropyLoss':
            # Not from a registry: each package has another loss of this name.
            del options['type']
            self.loss_cls = FrameCrossEntropy(**options)
        else:
            self.loss_cls = MODELS.build(options)
        self.loss_args = {}
        if label_smoothing:
            self.loss_args['label_smoothing'] = label_smoothing
        self.log_prior = 0.0
        if class_counts is not None:
            counts = torch.tensor(class_counts, dtype=torch.float32)
            if len(counts) != num_outputs or not (counts > 0).all():
                raise ValueError(
                    f'class_counts={list(class_counts)} must be '
                    f'{num_outputs} numbers above zero. A class that is not '
                    'in the training set cannot be learned: give it the '
                    'count 1.'
                )
            del self.log_prior
            log_prior = (counts / counts.sum()).log()
            # Not persistent: it comes from the config, not from the
            # checkpoint.
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


def find_expression_task(head: nn.Module) -> ExpressionTask:
    """Return the expression task of a head with one task or several.

    Raises:
        ValueError: If there is no such task.
    """
    tasks = getattr(head, 'tasks', None)
    task = head.task if tasks is None else dict(tasks.items()).get('EXPR')
    if not isinstance(task, ExpressionTask):
        raise ValueError(
            'this network does not predict expressions, but '
            f'{type(task).__name__ if tasks is None else ", ".join(tasks)}.'
        )
    return task
