from __future__ import annotations

import torch
from mmengine.registry import MODELS

from .frame_classifier import FrameClassifier
from .frame_head import FrameHead


@MODELS.register_module()
class TemporalFrameHead(FrameHead):
    """Head with a temporal encoder and one task per frame.

    Args:
        num_classes: Number C of outputs: the number of classes or of action
            units, or 2 for valence and arousal.
        temporal_encoder: Config of a module that maps features (N, T, D) and
            valid (N, T) to (N, T, E) and has an attribute ``embed_dims``.
        loss_cls: Loss of logits (n, C) and labels (n,), for the default task,
            expressions.
        dropout: Dropout probability before the classifier.
        task: Config of the task: :class:`ExpressionTask` with more options,
            :class:`ValenceArousalTask` or :class:`ActionUnitTask`.
        hidden_channels: Width of a hidden layer of the classifier, see
            :class:`FrameClassifier`.
    """

    def __init__(
        self,
        num_classes: int,
        temporal_encoder: dict,
        loss_cls: dict | None = None,
        dropout: float = 0.1,
        task: dict | None = None,
        hidden_channels: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(num_classes, init_cfg)
        if task is None:
            task = dict(type='ExpressionTask', loss_cls=loss_cls)
        self.temporal_encoder = MODELS.build(temporal_encoder)
        self.task = MODELS.build(dict(task, num_outputs=num_classes))
        self.classifier = FrameClassifier(
            self.temporal_encoder.embed_dims,
            num_classes,
            hidden_channels,
            dropout,
        )

    def forward(self, x: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Compute logits (N, T, C) of features (N, T, D), valid (N, T)."""
        return self.classifier(self.temporal_encoder(x, valid), valid)

    def loss_by_feat(
        self, cls_scores: torch.Tensor, data_samples: list
    ) -> dict[str, torch.Tensor]:
        """Compute the loss over the labeled valid frames of the batch.

        Args:
            cls_scores: Logits, (N, T, C).
            data_samples: N samples with ``gt_label``, (T,) or (T, C), and
                ``valid`` (T,).

        Returns:
            ``loss_cls``, which is zero if the batch has no such frame.
        """
        labels = torch.stack([sample.gt_label for sample in data_samples])
        valid = torch.stack([sample.valid for sample in data_samples])
        return dict(loss_cls=self.task.loss(cls_scores, labels, valid))

    def predict_by_feat(
        self, cls_scores: torch.Tensor, data_samples: list
    ) -> list:
        """Write ``pred_score`` (n, C) into the samples.

        Together with ``valid`` (n,) and ``gt_label`` (n, ...) it is cut at
        the end of the sample's video, so padding is never scored.
        """
        scores = self.task.predict(cls_scores)
        for sample, score in zip(data_samples, scores):
            n = min(len(score), sample.num_frames - sample.start)
            sample.set_field(score[:n], 'pred_score')
            sample.set_field(sample.valid[:n], 'valid')
            sample.set_field(sample.gt_label[:n], 'gt_label')
        return data_samples
